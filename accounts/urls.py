from django.urls import path

from accounts.views import profile, push, rebind, secrets, sessions, usage

urlpatterns = [
    path("auth/anonymous", sessions.AnonymousSessionView.as_view()),
    path("auth/bootstrap", profile.BootstrapView.as_view()),
    path("auth/rebind", rebind.RebindView.as_view()),
    path("auth/session", sessions.SessionView.as_view()),
    path("profile", profile.ProfileView.as_view()),
    path("profile/agent-config", profile.AgentConfigView.as_view()),
    path("push-tokens", push.PushTokensView.as_view()),
    path("push-tokens/preferences", push.PreferencesView.as_view()),
    path("secrets", secrets.SecretsView.as_view()),
    path("v1/usage", usage.UsageView.as_view()),
]

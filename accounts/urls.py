from django.urls import path

from accounts import views

urlpatterns = [
    path("auth/anonymous", views.AnonymousSessionView.as_view()),
    path("auth/session", views.SessionView.as_view()),
]

"""One include per app."""

from django.contrib import admin
from django.contrib.staticfiles.views import serve
from django.urls import include, path

from manticscore import views

handler400 = "manticscore.errors.handle_400"
handler403 = "manticscore.errors.handle_403"
handler404 = "manticscore.errors.handle_404"
handler500 = "manticscore.errors.handle_500"

urlpatterns = [
    path("healthz", views.healthz),
    # The admin's own style sheets and scripts: few, small, and for staff only.
    path("static/<path:path>", serve, {"insecure": True}),
    path("admin/", admin.site.urls),
    path("", include("accounts.urls")),
    path("", include("realtime.urls")),
    path("", include("projects.urls")),
    path("", include("research.urls")),
    path("", include("buildgraphs.urls")),
]

from django.urls import path

from projects import views

urlpatterns = [
    path("projects", views.ProjectsView.as_view()),
    path("projects/search", views.SearchView.as_view()),
    path("projects/<uuid:project_id>", views.ProjectView.as_view()),
    path("projects/<uuid:project_id>/home", views.HomeView.as_view()),
    path("projects/<uuid:project_id>/publish", views.PublishView.as_view()),
    path("projects/<uuid:project_id>/unpublish", views.UnpublishView.as_view()),
    path("clip/<slug:slug>", views.ClipView.as_view()),
    path("public/p/<slug:slug>", views.PublicProjectView.as_view()),
]

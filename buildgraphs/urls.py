from django.urls import path

from buildgraphs import views

urlpatterns = [
    path("build-graphs", views.GraphsView.as_view()),
    path("build-graphs/<uuid:graph_id>", views.GraphView.as_view()),
    path("build-graphs/<uuid:graph_id>/events", views.events),
    path("build-graphs/<uuid:graph_id>/export", views.ExportView.as_view()),
    path("build-graphs/<uuid:graph_id>/next", views.NextView.as_view()),
    path("build-graphs/<uuid:graph_id>/progress", views.ProgressView.as_view()),
    path("build-graphs/<uuid:graph_id>/research", views.GraphResearchView.as_view()),
    path("build-graphs/<uuid:graph_id>/retry", views.RetryView.as_view()),
    path("build-graphs/<uuid:graph_id>/ship", views.ShipView.as_view()),
    path("build-nodes/<uuid:node_id>", views.NodeView.as_view()),
    path("build-nodes/<uuid:node_id>/assess", views.AssessView.as_view()),
    path("build-nodes/<uuid:node_id>/expand", views.ExpandView.as_view()),
    path("build-nodes/<uuid:node_id>/prerequisites", views.PrerequisitesView.as_view()),
    path("build-nodes/<uuid:node_id>/re-expand", views.ReexpandView.as_view()),
]

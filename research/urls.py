from django.urls import path

from research.views import research

urlpatterns = [
    path("research", research.ResearchListView.as_view()),
    path("research/<uuid:job_id>", research.ResearchView.as_view()),
    path("research/<uuid:job_id>/status", research.status),
    path("research/<uuid:job_id>/events", research.events),
]

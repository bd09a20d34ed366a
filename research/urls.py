from django.urls import path

from research.views import changes, evidence, feature_research, ideas, projects, research, sharing, versions

urlpatterns = [
    path("projects/research", projects.ProjectResearchView.as_view()),
    path("projects/<uuid:project_id>/changes", changes.ProjectChangesView.as_view()),
    path("research", research.ResearchListView.as_view()),
    path("research/stats", versions.StatsView.as_view()),
    path("research/<uuid:job_id>", research.ResearchView.as_view()),
    path("research/<uuid:job_id>/status", research.status),
    path("research/<uuid:job_id>/events", research.events),
    path("research/<uuid:job_id>/cancel", research.CancelView.as_view()),
    path("research/<uuid:job_id>/sections/<slug:section>/retry", research.RetrySectionView.as_view()),
    path("research/<uuid:job_id>/evidence/recheck", evidence.RecheckView.as_view()),
    path("research/<uuid:job_id>/versions", versions.VersionsView.as_view()),
    path("research/<uuid:job_id>/diff", versions.DiffView.as_view()),
    path("research/<uuid:job_id>/share", sharing.ShareView.as_view()),
    path("research/<uuid:job_id>/pdf", sharing.PdfView.as_view()),
    path("ideas", ideas.IdeasView.as_view()),
    path("v1/ideas", ideas.PipelineIdeasView.as_view()),
    path("v1/pipeline/feature-selection", ideas.FeatureSelectionView.as_view()),
    path("products", ideas.ProductsView.as_view()),
    path("products/<uuid:card_id>", ideas.ProductView.as_view()),
    path("products/<uuid:card_id>/events", ideas.events),
    path("feature-research", feature_research.FeatureResearchListView.as_view()),
    path("feature-research/<uuid:feature_research_id>", feature_research.FeatureResearchView.as_view()),
    path("feature-research/<uuid:feature_research_id>/status", feature_research.status),
    path("feature-research/<uuid:feature_research_id>/events", feature_research.events),
    path("feature-research/<uuid:feature_research_id>/result", feature_research.ResultView.as_view()),
    path("feature-research/<uuid:feature_research_id>/cancel", feature_research.CancelView.as_view()),
    path(
        "feature-research/<uuid:feature_research_id>/evidence/recheck", evidence.FeatureRecheckView.as_view()
    ),
]

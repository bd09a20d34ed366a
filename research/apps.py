from django.apps import AppConfig


class ResearchConfig(AppConfig):
    name = "research"

    def ready(self) -> None:
        from accounts import profiles
        from projects import home, public
        from realtime import events
        from research import receivers  # noqa: F401  # they connect themselves
        from research.events import FeatureResearchChained, ProjectSeeded
        from research.models import ResearchJob
        from research.results import summaries

        profiles.counters["research_count"] = ResearchJob.count_of
        events.register(FeatureResearchChained, ProjectSeeded)
        home.sections["research"] = summaries.home
        home.sections["feature_research"] = summaries.features
        public.sections.update(idea=summaries.idea, research=summaries.public)

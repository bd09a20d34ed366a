from django.apps import AppConfig


class ResearchConfig(AppConfig):
    name = "research"

    def ready(self) -> None:
        from accounts import profiles
        from research import receivers  # noqa: F401  # connects them
        from research.models import ResearchJob

        profiles.counters["research_count"] = ResearchJob.count_of

from django.apps import AppConfig


class ProjectsConfig(AppConfig):
    name = "projects"

    def ready(self) -> None:
        from accounts import profiles
        from projects.models import Project

        profiles.counters["project_count"] = Project.count_of

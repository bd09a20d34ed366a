from django.apps import AppConfig


class BuildGraphsConfig(AppConfig):
    name = "buildgraphs"

    def ready(self) -> None:
        from buildgraphs import events, receivers  # noqa: F401  # receivers connect themselves
        from realtime.events import register

        register(*events.ALL)

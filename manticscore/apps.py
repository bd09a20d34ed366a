from django.apps import AppConfig


class ManticScoreConfig(AppConfig):
    name = "manticscore"

    def ready(self) -> None:
        from manticscore import checks  # noqa: F401  # registers them

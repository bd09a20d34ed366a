from django.apps import AppConfig


class ManticScoreConfig(AppConfig):
    name = "manticscore"

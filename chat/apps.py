from django.apps import AppConfig


class ChatConfig(AppConfig):
    name = "chat"

    def ready(self) -> None:
        from chat import receivers  # noqa: F401  # they connect themselves
        from chat.events import ForgeReadyCard
        from realtime import events

        events.register(ForgeReadyCard)

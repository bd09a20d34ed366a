from django.apps import AppConfig
from django.db.models.signals import post_migrate


class AccountsConfig(AppConfig):
    name = "accounts"

    def ready(self) -> None:
        from accounts import ownership

        # Sent after all tables of all apps are there.
        post_migrate.connect(ownership.install, sender=self, dispatch_uid="accounts.ownership")

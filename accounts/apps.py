from django.apps import AppConfig
from django.db.models.signals import post_migrate


class AccountsConfig(AppConfig):
    name = "accounts"

    def ready(self) -> None:
        from accounts import ownership, profiles, spending

        # Sent after all tables of all apps are there.
        post_migrate.connect(ownership.install, sender=self, dispatch_uid="accounts.ownership")
        profiles.counters["tokens_in"] = lambda owner_id: spending.spent_ever(owner_id).tokens_in
        profiles.counters["tokens_out"] = lambda owner_id: spending.spent_ever(owner_id).tokens_out

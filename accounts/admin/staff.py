from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import admin
from django.contrib.auth import admin as auth_admin

from accounts.models import User

if TYPE_CHECKING:
    StockUserAdmin = auth_admin.UserAdmin[User]
else:
    StockUserAdmin = auth_admin.UserAdmin


@admin.register(User)
class UserAdmin(StockUserAdmin):
    """Staff accounts: the one table of ours that the admin is there to edit."""

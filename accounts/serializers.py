"""Shapes of the account endpoints' requests."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from accounts import profiles
from accounts.models import PushToken
from manticscore import errors

MAX_DEVICE_ID = 200


class DeviceSerializer(serializers.Serializer[Any]):
    """`{"device_id": ...}`. The id is taken as it is: no trimming, no normalising."""

    device_id = serializers.JSONField(required=False, allow_null=True)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        device_id = attrs.get("device_id")
        if device_id is None or device_id == "":
            raise errors.Unprocessable("device_id required")
        if not isinstance(device_id, str):
            raise errors.Unprocessable("device_id must be a string")
        if len(device_id) > MAX_DEVICE_ID:
            raise errors.Unprocessable(f"device_id must have at most {MAX_DEVICE_ID} characters")
        return attrs


class Text(serializers.CharField):
    """Text only: numbers are not turned into it."""

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        return super().to_internal_value(data)


class ProfileSerializer(serializers.Serializer[Any]):
    """PUT /profile. Null means unchanged, as does leaving out."""

    name = Text(max_length=200, allow_blank=True, allow_null=True, default=None)
    email = serializers.EmailField(max_length=254, allow_blank=True, allow_null=True, default=None)


class AgentConfigSerializer(serializers.Serializer[Any]):
    """PATCH /profile/agent-config."""

    autonomy_level = serializers.ChoiceField(choices=profiles.AUTONOMY_LEVELS, required=False)
    auto_actions = serializers.ListField(
        child=serializers.ChoiceField(choices=profiles.AUTO_ACTIONS), max_length=100, required=False
    )

    def validate_auto_actions(self, actions: list[str]) -> list[str]:
        return list(dict.fromkeys(actions))


class SecretsSerializer(serializers.Serializer[Any]):
    """PUT /secrets: null clears, left out is unchanged. Errors never repeat what was sent."""

    github_pat = Text(allow_null=True, required=False, trim_whitespace=False)
    anthropic_api_key = Text(allow_null=True, required=False, trim_whitespace=False)
    openai_api_key = Text(allow_null=True, required=False, trim_whitespace=False)


class PushTokenSerializer(serializers.Serializer[Any]):
    """POST and DELETE /push-tokens."""

    device_token = serializers.RegexField(r"\A[!-~]{1,512}\Z", trim_whitespace=False)
    environment = serializers.ChoiceField(
        choices=PushToken.Environment.values, default=PushToken.Environment.PRODUCTION
    )


class PreferenceSerializer(serializers.Serializer[Any]):
    """One kind of notification."""

    id = serializers.ChoiceField(choices=list(profiles.NOTIFICATIONS))
    enabled = serializers.BooleanField()


class PreferencesSerializer(serializers.Serializer[Any]):
    """PUT /push-tokens/preferences. Kinds that are left out are unchanged; of two the last counts."""

    preferences = PreferenceSerializer(many=True)

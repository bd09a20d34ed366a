"""Shapes of the account endpoints' requests."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

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

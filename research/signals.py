"""What the apps above may hear of research."""

from django.dispatch import Signal

# Somebody chose features to build. Sent with `card`, whose content holds them and whose state the receiver
# carries on; in the transaction of the choice, so receivers only defer a task.
features_selected = Signal()

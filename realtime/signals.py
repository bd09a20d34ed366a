"""What other apps may hear of the life of streams."""

from django.dispatch import Signal

# A stream ends with an error. Sent with `stream_id` and `code` in the transaction of that end and
# before its rows are locked: what a receiver writes is stored together with the end, or not at all, so
# neither a crash nor a second announcement leaves one without the other. Receivers must be quick.
stream_failed = Signal()

# A stream ends well. Sent with `stream_id` and `journal` in the same way; what a receiver emits to the
# journal comes before the result.
stream_completing = Signal()

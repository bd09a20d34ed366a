"""What the apps above may hear of the life of projects."""

from django.dispatch import Signal

# Both are sent with `project`, in the transaction of the change, so that what receivers write is stored
# together with it or not at all. They must be quick: what takes time is deferred to a task.

# A project came into being; not sent when a creation found the project that is already there.
project_created = Signal()

# A project is about to go, with its streams. What hangs from a stream, or has a foreign key to the
# project, goes by itself; receivers remove what knows the project by its plain id alone.
project_deleted = Signal()

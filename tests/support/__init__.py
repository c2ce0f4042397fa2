"""What tests share."""

from hypothesis import settings

# How long an example takes says nothing on a machine that is busy.
settings.register_profile("funclet", deadline=None)
settings.load_profile("funclet")

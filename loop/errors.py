"""What can go wrong in a campaign. Each error carries the exit code of the command line."""

from saltloop.chemistry.errors import SaltloopError


class CampaignFileError(SaltloopError, ValueError):
    """The campaign file cannot be used as it is."""

    exit_code = 1


class CampaignError(SaltloopError, RuntimeError):
    """The campaign cannot do what was asked in its present state."""

    exit_code = 1


class ReplayError(SaltloopError, RuntimeError):
    """Replaying the state file did not give the recorded decisions."""

    exit_code = 1


class LockedError(SaltloopError, RuntimeError):
    """Another process writes this campaign."""

    exit_code = 4


class StateError(SaltloopError, ValueError):
    """The state file is damaged, too new, or was changed by somebody else."""

    exit_code = 5


class StateWriteError(SaltloopError, OSError):
    """An event could not be written; the file is as it was before."""

    exit_code = 5

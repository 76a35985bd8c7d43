"""What can go wrong in a campaign. Each error carries the exit code of the command line."""

from saltloop.chemistry.errors import SaltloopError

EXIT_ERROR, EXIT_WAITING, EXIT_LOCKED, EXIT_STATE, EXIT_INTERRUPTED = 1, 3, 4, 5, 130


class CampaignFileError(SaltloopError, ValueError):
    """The campaign file cannot be used as it is."""

    exit_code = EXIT_ERROR


class CampaignError(SaltloopError, RuntimeError):
    """The campaign cannot do what was asked in its present state."""

    exit_code = EXIT_ERROR


class ReplayError(SaltloopError, RuntimeError):
    """Replaying the state file did not give the recorded decisions."""

    exit_code = EXIT_ERROR


class BacktestError(SaltloopError, ValueError):
    """A backtest cannot be run as it was asked for."""

    exit_code = EXIT_ERROR


class LockedError(SaltloopError, RuntimeError):
    """Another process writes this campaign."""

    exit_code = EXIT_LOCKED


class StateError(SaltloopError, ValueError):
    """The state file is damaged, too new, or was changed by somebody else."""

    exit_code = EXIT_STATE


class StateWriteError(SaltloopError, OSError):
    """An event could not be written; the file is as it was before."""

    exit_code = EXIT_STATE

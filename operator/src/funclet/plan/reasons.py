"""Every reason that Funclet writes into a condition or an Event; people and scripts match on them."""

#: seen for the first time, nothing decided yet
OBSERVED = "Observed"
#: it does what its spec says
READY = "Ready"
#: no instance runs, which is fine: the next call starts one
SCALED_TO_ZERO = "ScaledToZero"
#: at least one instance runs
INSTANCES_RUNNING = "InstancesRunning"

#: the code is still being fetched or packed
CODE_PENDING = "CodePending"
#: the code is not the one that its sha256 names
CODE_MISMATCH = "CodeMismatch"
#: the archive cannot be found
CODE_NOT_FOUND = "CodeNotFound"
#: the archive cannot be read or fetched
CODE_UNAVAILABLE = "CodeUnavailable"
#: container images cannot run here
IMAGE_NOT_SUPPORTED = "ImageNotSupported"
#: the named runtime is not one that this platform has
RUNTIME_NOT_AVAILABLE = "RuntimeNotAvailable"
#: another version of the runtime stands in for the named one
RUNTIME_SUBSTITUTED = "RuntimeSubstituted"
#: a field asks for something that Funclet does not do yet
NOT_SUPPORTED = "NotSupported"
#: a setting binds nobody here; the function is served all the same
NOT_ENFORCED = "NotEnforced"
#: the object breaks a rule of its kind
INVALID_SPEC = "InvalidSpec"
#: the changed $LATEST is starting; the one before it still serves
REVISION_STARTING = "RevisionStarting"
#: a revision cannot start and nothing more is known
REVISION_FAILED = "RevisionFailed"

#: an older object has the same Lambda name
NAME_TAKEN = "NameTaken"
#: there is no such Function in the namespace
FUNCTION_NOT_FOUND = "FunctionNotFound"
#: the Function has not been looked at yet
FUNCTION_PENDING = "FunctionPending"
#: the alias names a version that does not exist
VERSION_NOT_FOUND = "VersionNotFound"
#: an applied version's number is not above every number used before
VERSION_NUMBER_USED = "VersionNumberUsed"
#: an applied version leaves out something that must be frozen
VERSION_INCOMPLETE = "VersionIncomplete"

#: a version was made
PUBLISHED = "Published"
#: spec.publish asked for a version and nothing had changed
UNCHANGED = "Unchanged"
#: versions beyond spec.keepVersions were removed
VERSIONS_REMOVED = "VersionsRemoved"
#: spec.publishAlias names an alias that Funclet did not make; it is left alone
ALIAS_NOT_OWNED = "AliasNotOwned"
#: the alias of spec.publishAlias is at the newest version
ALIAS_MOVED = "AliasMoved"
#: what was planned could not be done; it is tried again
RECONCILE_FAILED = "ReconcileFailed"

#: the API server refuses what Funclet would write: an admission policy, a webhook, a missing right
WRITE_REFUSED = "WriteRefused"
#: an object has the name of one of Funclet's and belongs to somebody else; it is left alone
NOT_OWNED = "NotOwned"
#: an object of the same name is on its way out
CHILD_LEAVING = "ChildLeaving"
#: what somebody changed on an object of Funclet's was put back
RESTORED = "Restored"
#: code.image needs spec.code.image.command on a cluster
IMAGE_COMMAND_MISSING = "ImageCommandMissing"
#: the image cannot be pulled
IMAGE_UNAVAILABLE = "ImageUnavailable"
#: a Secret or ConfigMap, or a key of one, is not there
CONFIGURATION_MISSING = "ConfigurationMissing"
#: the ServiceAccount that spec.role names is not there
ROLE_NOT_FOUND = "RoleNotFound"
#: no node has room for the pod, or may run it
NO_NODE = "NoNode"
#: a ResourceQuota or a LimitRange of the namespace refuses the pod
QUOTA_EXCEEDED = "QuotaExceeded"
#: the API server refuses the pod for another reason
POD_REFUSED = "PodRefused"
#: the node cannot make the container
CONTAINER_NOT_CREATED = "ContainerNotCreated"
#: the function failed while it started
INIT_FAILED = "InitFailed"
#: the container as a whole ran out of memory
OUT_OF_MEMORY = "OutOfMemory"
#: the pod runs, and no gateway reaches it
NOT_REACHED = "NotReached"
#: the container ends again and again
CRASH_LOOP = "CrashLoop"

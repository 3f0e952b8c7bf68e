using OvirtSpm.Leases.OnDisk;

namespace OvirtSpm.Leases.Resource;

/// <summary>A cheap look at a resource: who owns it, in which version.</summary>
/// <param name="Error">Not <see cref="RecordError.None"/>: nothing else here may be believed.</param>
/// <param name="IoError">The storage failed; null otherwise.</param>
/// <param name="OwnerId">Last owner, 0 when there never was one.</param>
/// <param name="IsFree">Released by leader or by vote; an owner that is merely dead still shows as owner.</param>
/// <param name="Request">Somebody asks the owner to let go; null when nobody does, or the lease has reached the version that was asked for.</param>
public sealed record LeaderView(
    RecordError Error, string? IoError, int OwnerId, ulong Generation, ulong LeaseVersion, bool IsFree, RequestRecord? Request)
{
    public bool IsReadable => Error == RecordError.None && IoError is null;
}

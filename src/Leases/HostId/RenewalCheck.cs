using OvirtSpm.Leases.OnDisk;

namespace OvirtSpm.Leases.HostId;

/// <summary>Is the sector of our host id still what we left there?</summary>
internal static class RenewalCheck
{
    /// <param name="lastWriteSucceeded">After a write that failed or timed out either the old or the new bytes may stand there.</param>
    /// <returns>Null while the host id is ours. Anything else ends everything at once, without a retry: somebody else writes our sector.</returns>
    public static LeaseLost? Judge(RecordError error, LeaderRecord? now, LeaderRecord written, bool lastWriteSucceeded)
    {
        if (error == RecordError.WrongOwner || (now is not null && error == RecordError.None && !SameLife(now, written)))
        {
            return new LeaseLost(LeaseLostReason.TakenByOther,
                $"host id {written.OwnerId} generation {written.OwnerGeneration} of '{written.Resource}' was taken by '{now!.Resource}' "
                + $"(id {now.OwnerId}, generation {now.OwnerGeneration}); give every host its own id");
        }

        if (error != RecordError.None || now is null)
        {
            return new LeaseLost(LeaseLostReason.SectorDamaged, $"the sector of host id {written.OwnerId} cannot be believed: {error.Explain()}");
        }

        return lastWriteSucceeded && now != written
            ? new LeaseLost(LeaseLostReason.SectorDamaged,
                $"the sector of host id {written.OwnerId} holds timestamp {now.Timestamp}, we wrote {written.Timestamp}: another process writes it; "
                + "stop the second process that uses this host id")
            : null;
    }

    private static bool SameLife(LeaderRecord now, LeaderRecord written) =>
        now.OwnerId == written.OwnerId && now.OwnerGeneration == written.OwnerGeneration && now.Resource.Means(written.Resource);
}

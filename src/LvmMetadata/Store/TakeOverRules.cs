namespace OvirtSpm.LvmMetadata.Store;

/// <summary>What must hold before the first write of an epoch.</summary>
internal static class TakeOverRules
{
    /// <returns>Why this takeover must not be; null when it may.</returns>
    public static TakeOverOutcome? Objection(VolumeGroupRead read, IWriteGuard guard)
    {
        if (read.Group is not { } found)
        {
            return new TakeOverOutcome.NotIssued(read.Problem ?? "the metadata cannot be read");
        }
        var highest = read.Copies.Select(copy => copy.Version?.Epoch ?? 0).DefaultIfEmpty().Max();
        if (guard.Epoch <= highest)
        {
            // R22: the lease's version went back (a lease area was made anew): two epochs of the same number would look alike.
            return new TakeOverOutcome.EpochNotAbove(highest);
        }
        if (guard.Epoch > long.MaxValue)
        {
            return new TakeOverOutcome.NotIssued($"epoch {guard.Epoch} is larger than the metadata can hold");
        }
        return (read.WriteProblem ?? found.WriteRefusal) is { } problem ? new TakeOverOutcome.NotIssued(problem) : null;
    }

    /// <summary>R3: max seen + 2 × (new epoch − epoch of that copy).</summary>
    /// <returns>Null when the number does not fit 32 bits.</returns>
    public static uint? FirstSeqno(VolumeGroupRead read, ulong epoch)
    {
        UInt128 seqno = 0;
        foreach (var copy in read.Copies)
        {
            if (copy.Version is { } version)
            {
                seqno = UInt128.Max(seqno, version.Seqno + (2 * (UInt128)(epoch - version.Epoch)));
            }
        }
        return seqno <= uint.MaxValue ? (uint)seqno : null;
    }
}

using OvirtSpm.LvmMetadata.Model;

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

    /// <param name="devices">What the devices lack for this text, or null.</param>
    /// <returns>Why this text must not be made current; null when it may.</returns>
    public static TakeOverOutcome? RestoreObjection(VolumeGroupRead read, VolumeGroup kept, IWriteGuard guard, string? devices)
    {
        if (read.Group is { } found && found.Uuid != kept.Uuid)
        {
            return new TakeOverOutcome.NotIssued($"volume group '{found.Name}' ({found.Uuid}) is there, the text that was kept is of '{kept.Name}' ({kept.Uuid})");
        }
        var highest = read.Copies.Select(copy => copy.Version?.Epoch ?? 0).Append(kept.Epoch ?? 0).Max();
        if (guard.Epoch <= highest)
        {
            return new TakeOverOutcome.EpochNotAbove(highest); // R22
        }
        return (devices ?? kept.WriteRefusal) is { } problem ? new TakeOverOutcome.NotIssued(problem) : null;
    }

    /// <summary>R3, and above every text that lies in a ring without a header that names it: a header may come back.</summary>
    public static uint? RestoreSeqno(VolumeGroupRead read, VolumeGroup kept, ulong epoch)
    {
        if (FirstSeqno(read, epoch) is not { } above)
        {
            return null;
        }
        var seqno = UInt128.Max(above, kept.Seqno + (2 * (UInt128)(epoch - (kept.Epoch ?? 0))));
        foreach (var text in read.RingTexts)
        {
            seqno = UInt128.Max(seqno, text.Seqno + (2 * (UInt128)epoch));
        }
        return seqno <= uint.MaxValue ? (uint)seqno : null;
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

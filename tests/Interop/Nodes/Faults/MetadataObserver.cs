using System.Diagnostics;
using OvirtSpm.LvmMetadata.Model;
using OvirtSpm.LvmMetadata.Store;
using OvirtSpm.Node;
using OvirtSpm.Node.Storage;

namespace OvirtSpm.Interop.Nodes.Faults;

/// <summary>Reads the metadata of the LUN all the time, as a host without a lease would, and holds it against what was acknowledged.</summary>
sealed class MetadataObserver(string lunPath, Ledger ledger)
{
    readonly ILun lun = NodeComposition.OpenLun(lunPath, readOnly: true);
    readonly Dictionary<long, MetadataVersion> copies = [];
    readonly Dictionary<long, Stopwatch> stale = [];
    VolumeGroup? newest;

    /// <summary>The last reading found the first header ahead of the second: a commit is half-way.</summary>
    public bool IsBetweenHeaders { get; private set; }

    /// <summary>Everybody who took the pool over, whether or not anything was acknowledged under it.</summary>
    public HashSet<ulong> Epochs { get; } = [];

    public int Readings { get; private set; }

    /// <summary>A copy that showed an older text than before: a write of a host that stood still, landed late.</summary>
    public int LateWrites { get; private set; }

    /// <summary>How long a copy showed such a text; while nobody leads nobody repairs it.</summary>
    public TimeSpan LongestUnrepaired { get; private set; }

    public async Task RunAsync(CancellationToken stop)
    {
        using var _ = lun;
        while (!stop.IsCancellationRequested)
        {
            await LookAsync();
            await Task.WhenAny(Task.Delay(15, stop));
        }
        await LookAsync();
        if (stale.Count > 0)
        {
            ledger.Violated($"the copies at {string.Join(", ", stale.Keys)} show an old text that nobody has replaced");
        }
    }

    async Task LookAsync()
    {
        var facts = ledger.Facts.ToList();
        if (await ReadAsync() is not { Group: { } group } read)
        {
            ledger.Violated("no copy of the metadata could be read in ten tries");
            return;
        }
        Readings++;
        Epochs.Add(group.Version.Epoch);
        IsBetweenHeaders = read.Copies is [{ Version: { } first }, { Version: { } second }] && first > second;
        foreach (var copy in read.Copies)
        {
            if (copy.Version is { } version)
            {
                if (version < copies.GetValueOrDefault(copy.AreaOffsetBytes))
                {
                    LateWrites++;
                    stale[copy.AreaOffsetBytes] = Stopwatch.StartNew();
                }
                else if (version == group.Version && stale.Remove(copy.AreaOffsetBytes, out var since) && since.Elapsed > LongestUnrepaired)
                {
                    LongestUnrepaired = since.Elapsed;
                }
                copies[copy.AreaOffsetBytes] = version;
            }
        }
        if (newest is not null)
        {
            CheckLine(newest.Version, group.Version);
        }
        newest = group;
        ledger.CheckGroup(group, facts);
    }

    void CheckLine(MetadataVersion before, MetadataVersion now)
    {
        if (now < before)
        {
            ledger.Violated($"the metadata went back from {before} to {now}");
        }
        // R3: max seen + 2 × (new epoch − epoch of that copy), and no reader sees less than what we saw.
        else if (now.Epoch > before.Epoch && now.Seqno < before.Seqno + 2 * (now.Epoch - before.Epoch))
        {
            ledger.Violated($"from {before} to {now}: the seqno must rise by twice the epochs");
        }
    }

    /// <summary>A writer moves on between our read of a header and of its text; whoever reads again sees a whole one.</summary>
    async Task<VolumeGroupRead?> ReadAsync()
    {
        for (var attempt = 0; attempt < 10; attempt++)
        {
            if (await MetadataReader.ReadAsync([lun.Metadata]) is { Group: not null } read)
            {
                return read;
            }
        }
        return null;
    }
}

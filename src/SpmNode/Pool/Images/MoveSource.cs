using OvirtSpm.Node.Activation;
using OvirtSpm.Node.Roles;
using OvirtSpm.Volumes.Journal;
using OvirtSpm.Volumes.Volume;

namespace OvirtSpm.Node.Pool.Images;

/// <summary>This SPM's own pool as the one that a volume leaves.</summary>
/// <param name="request">R24: under which id the journal remembers what became of it.</param>
sealed class MoveSource(SpmTerm term, ImageWork work, VolumeRemoval removal, RequestId? request = null) : IMoveSource
{
    public Guid Domain => term.Domain.Uuid;

    long ExtentBytes => work.ExtentBytes;

    /// <returns>Null when there is none; judged under a fence that held afterwards, too.</returns>
    public VolumeInfo? Find(string reference)
    {
        try
        {
            return work.Find(reference);
        }
        catch (Refusal unknown) when (unknown.Code == RefusalCode.NotFound)
        {
            // R1: whoever is told that it is gone uses its copy from then on.
            Fenced();
            return null;
        }
    }

    public async Task<bool> DepartAsync(string reference, Func<ILeavingChain, Task> copy)
    {
        if (Find(reference) is not { } leaf)
        {
            return false;
        }
        await DepartAsync(Movable(leaf), copy);
        return true;
    }

    /// <summary>R10, R13: nobody activates any of it from before the copy until the mark is there, which nobody activates either.</summary>
    async Task DepartAsync(IReadOnlyList<VolumeInfo> chain, Func<ILeavingChain, Task> copy)
    {
        using var locked = work.Locks.Take(chain.Select(volume => volume.Uuid));
        IReadOnlyList<VolumeInfo> now;
        IReadOnlyList<JournalRecord.Begun> operations = [];
        try
        {
            await using (await work.HoldAsync(chain))
            {
                now = Movable(work.Find(chain[0].Name));
                if (!now.Select(volume => volume.Uuid).SequenceEqual(chain.Select(volume => volume.Uuid)))
                {
                    throw Refusal.Conflict($"the chain of volume {chain[0].Name} changed just now; look again, and ask again.");
                }
                await copy(new Leaving(this, now));
                operations = await removal.MarkTogetherAsync(now, request);
            }
            // Without our entries, which a removal takes for a user's.
            await removal.RemoveMarkedAsync(now, operations);
        }
        finally
        {
            foreach (var operation in operations)
            {
                term.Journal.Leave(operation);
            }
        }
        work.Fenced(chain[0].Name);
    }

    /// <summary>The volume and all below it, if nobody else is read through any of them.</summary>
    IReadOnlyList<VolumeInfo> Movable(VolumeInfo leaf)
    {
        var chain = work.Chain(ImageWork.Usable(leaf, "is not moved"));
        foreach (var (layer, above) in chain.Zip(chain.Prepend(null)))
        {
            ImageWork.Usable(layer, $"is below {leaf.Name} and cannot be moved");
            if (work.ChildrenOf(layer).FirstOrDefault(child => child.Uuid != above?.Uuid) is { } other)
            {
                throw Refusal.Conflict(above is null
                    ? $"volume {leaf.Name} is not moved: it is the parent of {other.Name}. Name the volume on top, which takes all below it along."
                    : $"volume {leaf.Name} is not moved: {other.Name} is read through {layer.Name}, too. 'volume export' and 'import' make one disk of a chain.");
            }
            if (layer.Slot!.Role == VolumeRole.Shared && above is not null)
            {
                throw Refusal.Conflict($"volume {leaf.Name} is not moved: it is made from the template {layer.Name}, which stays. 'volume export' and 'import' make a disk of its own.");
            }
        }
        return chain;
    }

    void Fenced()
    {
        if (!work.MayWrite())
        {
            throw Refusal.NotLeader("this host stopped being SPM of the domain that the volume leaves. It is where it was; ask again.");
        }
    }

    sealed class Leaving(MoveSource source, IReadOnlyList<VolumeInfo> chain) : ILeavingChain
    {
        readonly Dictionary<Guid, SegmentTable> places = chain.ToDictionary(volume => volume.Uuid, source.Table);

        public long ExtentBytes => source.ExtentBytes;

        public IReadOnlyList<MovedVolume> Volumes { get; } = [.. chain.Select(MovedVolume.Of)];

        /// <summary>Asked afterwards, too: what was read beyond the deadline may be half of another SPM's change.</summary>
        public async Task ReadAsync(Guid volume, long offsetBytes, Memory<byte> into)
        {
            source.Fenced();
            foreach (var piece in places[volume].Locate(offsetBytes, into.Length))
            {
                await piece.Device.ReadAsync(piece.DeviceOffsetBytes, into[..(int)piece.LengthBytes]);
                into = into[(int)piece.LengthBytes..];
            }
            source.Fenced();
        }
    }

    SegmentTable Table(VolumeInfo volume) => term.Domain.Devices.Table(term.Volumes.Group, term.Volumes.Group.Find(volume.Name)!);
}

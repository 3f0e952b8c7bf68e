using System.Collections.Immutable;
using OvirtSpm.Node.Api;
using OvirtSpm.Volumes.Volume;

namespace OvirtSpm.Node.Pool.Garbage;

/// <summary>Something in a domain that nobody needs, or that looks so.</summary>
/// <param name="Reason">For people: why it is listed.</param>
abstract record Garbage(string Kind, string Place, string Reason)
{
    /// <summary>What collecting it does; null: it is only reported, because nothing proves that nobody needs it.</summary>
    public virtual string? Action => null;

    public GarbageItem Describe() => new(Kind, Place, Reason, Action);

    /// <summary>An LV whose creation or removal nobody attends to, and no map names.</summary>
    public sealed record Leftover(VolumeInfo Volume, string Reason) : Garbage(Volume.Tags.Initializing ? "creation" : "removal", Volume.Name, Reason)
    {
        public override string Action => Volume.Tags.Removal == RemovalMark.ZeroThenRemove ? "overwritten with zeros, then removed" : "removed";
    }

    /// <summary>Text and leases of slots that no LV has and no map names.</summary>
    public sealed record Slots(ImmutableArray<int> Numbers, string Reason) : Garbage("slots", SlotRanges.Say(Numbers), Reason)
    {
        public override string Action => "text and free lease cleared";
    }

    /// <summary>A record of the index of named leases whose lease is not there.</summary>
    public sealed record IndexRecord(int Number, string Name, string Reason) : Garbage("lease", $"record {Number} of 'xleases'", Reason)
    {
        public override string Action => "record freed";
    }

    /// <summary>What an offline verb that was killed has left in its activation map.</summary>
    public sealed record OfflineEntries(int Host, string Reason) : Garbage("activation", $"host id {Host}", Reason)
    {
        public override string Action => "cleared, if it was a process of the SPM's machine and is gone";
    }

    public sealed record Reported(string Kind, string Place, string Reason) : Garbage(Kind, Place, Reason);
}

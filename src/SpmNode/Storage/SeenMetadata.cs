using OvirtSpm.LvmMetadata.Model;
using OvirtSpm.LvmMetadata.Store;

namespace OvirtSpm.Node.Storage;

/// <summary>What this process knows of the metadata, whoever wrote it: for judging what is on the disk later.</summary>
sealed class SeenMetadata(VolumeGroup first)
{
    readonly Lock gate = new();
    MetadataVersion newest = first.Version;
    VolumeGroup? ours = first.HasTripwire ? first : null;
    ulong wholeEpoch;

    /// <summary>R5: nothing older is believed any more.</summary>
    public MetadataVersion Newest
    {
        get
        {
            lock (gate)
            {
                return newest;
            }
        }
    }

    /// <summary>R22: the newest text of ours, for a takeover that finds a foreign one.</summary>
    /// <remarks>Kept in memory: a node that is started again has forgotten it, which is how a person accepts a loss.</remarks>
    public KnownGroup? Known
    {
        get
        {
            lock (gate)
            {
                return ours is null ? null : new KnownGroup(ours, ours.Epoch == wholeEpoch);
            }
        }
    }

    public void Saw(VolumeGroup group)
    {
        lock (gate)
        {
            newest = group.Version > newest ? group.Version : newest;
            ours = group.HasTripwire && (ours is null || group.Version > ours.Version) ? group : ours;
        }
    }

    /// <summary>This process is SPM with this text's epoch: it will see every commit of it.</summary>
    public void Leads(VolumeGroup group)
    {
        Saw(group);
        lock (gate)
        {
            wholeEpoch = group.Version.Epoch;
        }
    }

    /// <summary>A commit ended unknown: what it removed may be gone rightfully.</summary>
    public void Doubt()
    {
        lock (gate)
        {
            wholeEpoch = 0;
        }
    }
}

using OvirtSpm.LvmMetadata.Model;
using OvirtSpm.Volumes.Volume;

namespace OvirtSpm.Simulation.Pool;

/// <summary>What clients were told about volumes and what guests wrote into them: the ground truth of C1 and C3.</summary>
internal sealed class VolumeBook(PoolWorld world)
{
    private readonly SortedDictionary<string, Entry> entries = new(StringComparer.Ordinal);

    public int Acknowledgements { get; private set; }

    public Entry Of(string volume)
    {
        if (!entries.TryGetValue(volume, out var entry))
        {
            entries.Add(volume, entry = new Entry(volume));
        }

        return entry;
    }

    /// <param name="isNew">It was made anew: what a former volume of this name was is nobody's any more.</param>
    public void Acknowledge(string volume, long bytes, bool isNew = false)
    {
        var entry = Of(volume);
        (entry.MustExist, entry.MustBeGone) = (true, false);
        entry.Bytes = isNew ? bytes : Math.Max(entry.Bytes, bytes);
        Note($"acknowledged {volume[..8]} {bytes >> 20} MiB");
    }

    /// <summary>From now on nobody may rely on the volume: its deletion was asked for.</summary>
    public void Deleting(string volume)
    {
        (Of(volume).MustExist, Of(volume).MustStay) = (false, false);
        // The next SPM may end the deletion, and a creation that nobody is told of may follow: what is acknowledged then says how large it is.
        Of(volume).Bytes = 0;
        Of(volume).Blocks.Clear();
    }

    public void AcknowledgeDeletion(string volume)
    {
        (Of(volume).MustExist, Of(volume).MustBeGone) = (false, true);
        Note($"acknowledged {volume[..8]} deleted");
    }

    /// <summary>Its creation was refused for good: it must not take effect later.</summary>
    public void RefuseCreation(string volume)
    {
        Of(volume).MustNeverBe = true;
        Check(world.Metadata.Newest);
    }

    /// <summary>Its deletion was refused for good: whoever asked goes on using it.</summary>
    public void RefuseDeletion(string volume)
    {
        Of(volume).MustStay = true;
        Check(world.Metadata.Newest);
    }

    /// <summary>C1: every acknowledged operation is in what our reader chooses. C5: none that was refused.</summary>
    public void Check(VolumeGroup group)
    {
        foreach (var entry in entries.Values)
        {
            var there = group.Find(entry.Volume);
            if (entry.MustExist && (there?.SizeBytes ?? 0) < entry.Bytes)
            {
                world.Fail($"C1 Acked: {entry.Volume} was acknowledged with {entry.Bytes} bytes, {group.Version} has {there?.SizeBytes ?? 0}");
            }
            else if (entry.MustNeverBe && there is not null && !VolumeTags.Parse(there.Tags, out _).Initializing)
            {
                world.Fail($"C5: the creation of {entry.Volume} was refused, {group.Version} has it");
            }
            else if (entry.MustStay && there is null)
            {
                world.Fail($"C5: the deletion of {entry.Volume} was refused, {group.Version} has it no more");
            }
            else if (entry.MustBeGone && there is not null)
            {
                world.Fail($"C1 Acked: the deletion of {entry.Volume} was acknowledged, {group.Version} has it");
            }
        }
    }

    public IEnumerable<Entry> Written => entries.Values.Where(entry => entry.MustExist && entry.Blocks.Count > 0);

    private void Note(string what)
    {
        Acknowledgements++;
        world.Trace(0, what);
        Check(world.Metadata.Newest);
    }

    internal sealed class Entry(string volume)
    {
        public string Volume => volume;

        public bool MustExist { get; set; }

        public bool MustBeGone { get; set; }

        /// <summary>Except unfinished, until somebody removes what is left of it.</summary>
        public bool MustNeverBe { get; set; }

        /// <summary>Its deletion was refused, and nobody has asked for another one since.</summary>
        public bool MustStay { get; set; }

        public long Bytes { get; set; }

        /// <summary>By byte offset, what guests wrote there.</summary>
        public SortedDictionary<long, Block> Blocks { get; } = [];
    }

    internal sealed class Block
    {
        /// <summary>The version that was answered last; 0 when none was.</summary>
        public ulong Done { get; private set; }

        /// <summary>Versions that were asked for since: any of them may be there.</summary>
        public HashSet<ulong> Open { get; } = [];

        public void Finished(ulong version)
        {
            Done = version;
            Open.Clear();
        }
    }
}

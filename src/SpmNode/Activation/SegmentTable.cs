namespace OvirtSpm.Node.Activation;

/// <summary>Where the bytes of a volume are, as one commit of the metadata said.</summary>
/// <remarks>Neighbouring segments are joined, so that two texts of the same layout are equal tables.</remarks>
public sealed class SegmentTable
{
    readonly VolumeSegment[] segments;
    readonly long[] starts;

    /// <param name="segments">In volume order, without gaps.</param>
    /// <param name="epoch">Version of the lease under which the commit was made.</param>
    /// <param name="seqno">Sequence number of the commit.</param>
    /// <exception cref="ArgumentException">A segment is empty, not whole sectors, outside its device, or the devices' sectors differ.</exception>
    public SegmentTable(IEnumerable<VolumeSegment> segments, ulong epoch, ulong seqno)
    {
        var joined = new List<VolumeSegment>();
        foreach (var segment in segments)
        {
            Check(segment, joined);
            if (joined is [.., var last] && ReferenceEquals(last.Device, segment.Device)
                && last.DeviceOffsetBytes + last.LengthBytes == segment.DeviceOffsetBytes)
            {
                joined[^1] = last with { LengthBytes = last.LengthBytes + segment.LengthBytes };
            }
            else
            {
                joined.Add(segment);
            }
        }

        this.segments = [.. joined];
        starts = new long[this.segments.Length];
        for (var i = 0; i < starts.Length; i++)
        {
            starts[i] = AllocatedBytes;
            AllocatedBytes = checked(AllocatedBytes + this.segments[i].LengthBytes);
        }

        Epoch = epoch;
        Seqno = seqno;
        Devices = [.. this.segments.Select(segment => segment.Device).Distinct(ReferenceEqualityComparer.Instance).Cast<IDataDevice>()];
    }

    public IReadOnlyList<VolumeSegment> Segments => segments;

    public IReadOnlyList<IDataDevice> Devices { get; }

    public ulong Epoch { get; }

    public ulong Seqno { get; }

    /// <summary>Sum of the segments: where the volume ends for now.</summary>
    public long AllocatedBytes { get; }

    /// <summary>The pieces of a range of the volume, in order.</summary>
    /// <returns>Each piece inside one segment; <c>DeviceOffsetBytes</c> is from the start of the device.</returns>
    /// <exception cref="ArgumentOutOfRangeException">The range reaches outside the allocated part.</exception>
    public IEnumerable<VolumeSegment> Locate(long offsetBytes, long lengthBytes)
    {
        if (offsetBytes < 0 || lengthBytes < 0 || offsetBytes > AllocatedBytes - lengthBytes)
        {
            throw new ArgumentOutOfRangeException(nameof(offsetBytes), $"{lengthBytes} bytes at {offsetBytes} are not inside the {AllocatedBytes} allocated bytes.");
        }

        var index = Array.BinarySearch(starts, offsetBytes);
        index = index < 0 ? ~index - 1 : index;
        while (lengthBytes > 0)
        {
            var segment = segments[index];
            var inside = offsetBytes - starts[index];
            var length = Math.Min(lengthBytes, segment.LengthBytes - inside);
            yield return new(segment.Device, segment.DeviceOffsetBytes + inside, length);
            offsetBytes += length;
            lengthBytes -= length;
            index++;
        }
    }

    /// <summary>R12: does every byte allocated here lie at the same place in <paramref name="next"/>?</summary>
    public bool IsPrefixOf(SegmentTable next) =>
        next.AllocatedBytes >= AllocatedBytes
        && next.Locate(0, AllocatedBytes).SequenceEqual(segments);

    /// <summary>R12: why this must not replace the table that is live; null when it may.</summary>
    public (GrowRefusal Reason, string Why)? RefusalAfter(SegmentTable live)
    {
        if (Epoch < live.Epoch || Seqno < live.Seqno)
        {
            return (GrowRefusal.Older, $"epoch {Epoch} seqno {Seqno} is older than the live {live.Epoch}/{live.Seqno}");
        }

        if (AllocatedBytes < live.AllocatedBytes)
        {
            return (GrowRefusal.Smaller, $"{AllocatedBytes} bytes are less than the live {live.AllocatedBytes}");
        }

        return live.IsPrefixOf(this) ? null : (GrowRefusal.NotAPrefix, "bytes that are live would be elsewhere");
    }

    /// <summary>The last moment before bytes go out: is this piece inside a segment of the volume?</summary>
    /// <remarks>A write one byte outside is another volume's data or the pool's metadata, so the arithmetic above is not trusted alone.</remarks>
    public bool Contains(VolumeSegment piece)
    {
        foreach (var segment in segments)
        {
            if (ReferenceEquals(segment.Device, piece.Device)
                && piece.LengthBytes > 0
                && piece.DeviceOffsetBytes >= segment.DeviceOffsetBytes
                && piece.DeviceOffsetBytes + piece.LengthBytes <= segment.DeviceOffsetBytes + segment.LengthBytes)
            {
                return true;
            }
        }

        return false;
    }

    static void Check(VolumeSegment segment, List<VolumeSegment> before)
    {
        var (device, offset, length) = segment;
        if (length <= 0 || offset < 0 || offset % device.SectorSize != 0 || length % device.SectorSize != 0 || offset > device.SizeBytes - length)
        {
            throw new ArgumentException($"A segment of {length} bytes at {offset} is not made of whole sectors inside {device.Name} ({device.SizeBytes} bytes).", nameof(segment));
        }

        if (before is [var first, ..] && first.Device.SectorSize != device.SectorSize)
        {
            throw new ArgumentException($"{first.Device.Name} and {device.Name} have different sector sizes; one volume cannot be on both.", nameof(segment));
        }

        foreach (var other in before)
        {
            if (ReferenceEquals(other.Device, device) && offset < other.DeviceOffsetBytes + other.LengthBytes && other.DeviceOffsetBytes < offset + length)
            {
                throw new ArgumentException($"Two segments of the volume share bytes of {device.Name} near {offset}: the metadata is damaged.", nameof(segment));
            }
        }
    }
}

namespace OvirtSpm.LvmMetadata.Model;

/// <summary>Puts a group's text together from the bytes it was cut into.</summary>
internal static class VolumeGroupText
{
    public const string LogicalVolumesKey = "logical_volumes";

    public static int Length(VolumeGroup group)
    {
        var skeleton = group.Interior.Skeleton;
        long length = skeleton.Open.Length + skeleton.Close.Length + skeleton.Trailer.Length;
        foreach (var item in skeleton.Items)
        {
            length += item.Bytes.Length;
        }
        length += group.LogicalVolumes.Length == 0
            ? skeleton.LvAbsent.Length
            : skeleton.LvOpen.Length + group.Interior.BlockBytes + skeleton.LvClose.Length;
        return checked((int)length);
    }

    public static int Write(VolumeGroup group, Span<byte> destination)
    {
        var skeleton = group.Interior.Skeleton;
        var rest = destination;
        Append(ref rest, skeleton.Open);
        foreach (var item in skeleton.Items)
        {
            if (item.Key != LogicalVolumesKey)
            {
                Append(ref rest, item.Bytes);
                continue;
            }
            if (group.LogicalVolumes.Length == 0)
            {
                Append(ref rest, skeleton.LvAbsent);
                continue;
            }
            Append(ref rest, skeleton.LvOpen);
            foreach (var volume in group.LogicalVolumes)
            {
                Append(ref rest, volume.Text.Block);
            }
            Append(ref rest, skeleton.LvClose);
        }
        Append(ref rest, skeleton.Close);
        Append(ref rest, skeleton.Trailer);
        return destination.Length - rest.Length;
    }

    private static void Append(ref Span<byte> rest, ReadOnlyMemory<byte> piece)
    {
        piece.Span.CopyTo(rest);
        rest = rest[piece.Length..];
    }
}

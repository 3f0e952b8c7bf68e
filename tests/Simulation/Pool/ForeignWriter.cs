using System.Text;
using OvirtSpm.LvmMetadata.OnDisk;

namespace OvirtSpm.Simulation.Pool;

/// <summary>Stock lvm2 at work on the same group: it knows seqnos, drops our private key, keeps our tag, and asks nobody.</summary>
internal static class ForeignWriter
{
    private static readonly TimeSpan Quiet = TimeSpan.FromMilliseconds(100);

    /// <summary>One whole command between two commits of ours: text into both rings, then both headers.</summary>
    /// <remarks>In the middle of one it would put its text where ours is about to go; nothing but a lock that lvm2 asks could prevent that.</remarks>
    public static void WriteWhenQuiet(PoolWorld world)
    {
        if (world.MetadataTouched + Quiet < world.Scheduler.Now && !world.Hosts.Any(MayCommit))
        {
            Write(world);
        }
        else
        {
            world.Scheduler.After(Quiet / 2, () => WriteWhenQuiet(world));
        }
    }

    /// <summary>
    /// Asleep, or waiting for an answer that a commit may wait for: it may go on with one at any moment. Or dead, with a text in the kernel:
    /// lvm2's goes to the same place.
    /// </summary>
    private static bool MayCommit(PoolHost host) =>
        host.IsFrozen || host.Path.WritesOut.Any(io => host.IsMetadata(io.Offset)) || host.Path.Awaited.Any(io => host.HasRole || io.Length == 0 || host.IsMetadata(io.Offset));

    private static void Write(PoolWorld world)
    {
        var group = world.Group;
        var buffer = new byte[group.TextLength];
        var text = Encoding.ASCII.GetString(buffer, 0, group.WriteText(buffer));
        text = text.Replace($"seqno = {group.Seqno}", $"seqno = {group.Seqno + 1}", StringComparison.Ordinal);
        var key = text.IndexOf("spm_epoch", StringComparison.Ordinal);
        if (key < 0)
        {
            return; // lvm2 wrote last time, too, and nobody has looked since
        }

        text = text.Remove(key, text.IndexOf('\n', key) - key);
        var bytes = Encoding.ASCII.GetBytes(text + "\0");
        world.Stats.ForeignWrites++;
        var places = world.Metadata.Images.Select(image => (image.Area, Offset: Next(world, image, bytes.Length))).ToList();
        foreach (var (area, offset) in places)
        {
            world.WriteForeign(area.OffsetBytes + offset, Padded(world, bytes));
        }

        foreach (var (area, offset) in places)
        {
            var header = new byte[world.Disk.SectorSize];
            world.Disk.Bytes.Read(area.OffsetBytes, header);
            new MdaHeader(area.OffsetBytes, area.SizeBytes, new TextLocation(offset, bytes.Length, LvmCrc.Compute(bytes), 0), default).Format(header);
            world.WriteForeign(area.OffsetBytes, header);
        }
    }

    private static long Next(PoolWorld world, MetadataImage image, long size) =>
        new MetadataRing(image.Area.SizeBytes, world.Disk.SectorSize).Next(image.Location, size)!.Value;

    private static byte[] Padded(PoolWorld world, byte[] bytes)
    {
        var padded = new byte[(bytes.Length + world.Disk.SectorSize - 1) / world.Disk.SectorSize * world.Disk.SectorSize];
        bytes.CopyTo(padded, 0);
        return padded;
    }
}

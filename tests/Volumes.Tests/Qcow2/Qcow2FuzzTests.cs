using System.Buffers.Binary;
using FsCheck;
using FsCheck.Fluent;
using OvirtSpm.Volumes.Qcow2;

namespace OvirtSpm.Volumes.Tests.Qcow2;

/// <summary>Real images with random damage: an answer or a refusal, never anything else, in bounded memory and reads.</summary>
public class Qcow2FuzzTests
{
    /// <summary>The budget of reads is 64 MiB more than the image has, and as much again as the image for each snapshot.</summary>
    const long MostBytesRead = (64L << 20) + (1026L << 20);

    const long MostBytesAllocated = 96L << 20;

    static readonly ulong[] Nasty =
        [0, 1, 0xFFFF_FFFF_FFFF_FFFF, 1UL << 63, 1UL << 62, (1UL << 62) | 0x1FF, 0x00FF_FFFF_FFFF_FE00, 0x10000, 0x20000, 0x200, 0x1000, 1UL << 40, 0x8000_0000_0003_0000];

    static readonly string[] Names = ["plain", "busy", "extended", "dirty", "narrow"];

    [Theory]
    [InlineData("plain")]
    [InlineData("busy")]
    [InlineData("extended")]
    [InlineData("dirty")]
    [InlineData("narrow")]
    public void A_damaged_image_is_read_or_refused(string name)
    {
        var original = MemoryImage.Fixture(name).Bytes;
        var places = Places(original);
        var change = from at in Gen.Elements(places)
                     from value in Gen.OneOf(Gen.Elements(Nasty), Forall.Number, Gen.Choose(0, 1 << 20).Select(number => (ulong)number))
                     from width in Gen.Elements(1, 4, 8)
                     select (at, value, width);
        var damage = from changes in change.NonEmptyListOf()
                     from cut in Gen.Frequency((4, Gen.Constant(int.MaxValue)), (1, Gen.Choose(0, original.Length)))
                     select (Changes: changes.Take(8).ToArray(), Cut: cut);
        Forall.Of(damage, wrong =>
        {
            var bytes = original[..Math.Min(wrong.Cut, original.Length)];
            foreach (var (at, value, width) in wrong.Changes)
            {
                Put(bytes, at, value, width);
            }
            Survives(bytes);
        }, cases: 600);
    }

    [Fact]
    public void Each_byte_of_a_header_may_be_anything()
    {
        foreach (var name in Names)
        {
            var original = MemoryImage.Fixture(name).Bytes;
            for (var at = 4; at < 128; at++)
            {
                foreach (var value in new byte[] { 0, 1, 0x7F, 0x80, 0xFF })
                {
                    var bytes = original.ToArray();
                    bytes[at] = value;
                    Survives(bytes);
                }
            }
        }
    }

    static void Survives(byte[] bytes)
    {
        foreach (var read in new Func<MemoryImage, ValueTask>[]
        {
            async image => await Qcow2End.FindAsync(image),
            async image => await Qcow2Check.RunAsync(image),
            async image => await Qcow2Bitmaps.ReadAsync(await Qcow2Image.OpenAsync(image)),
            MapAsync,
        })
        {
            var image = new MemoryImage(bytes);
            var before = GC.GetAllocatedBytesForCurrentThread();
            try
            {
                // In memory every read is complete when it returns; so is the whole.
                read(image).GetAwaiter().GetResult();
            }
            catch (Qcow2Refused refused)
            {
                Assert.NotEmpty(refused.Message);
            }
            Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, MostBytesAllocated);
            Assert.InRange(image.BytesRead, 0, MostBytesRead);
        }
    }

    static async ValueTask MapAsync(MemoryImage area)
    {
        var image = await Qcow2Image.OpenAsync(area);
        var next = 0L;
        await foreach (var extent in Qcow2Map.ReadAsync(image))
        {
            Assert.Equal(next, extent.Start);
            Assert.True(extent.Length > 0);
            next += extent.Length;
        }
        Assert.Equal(image.Header.VirtualSizeBytes, next);
    }

    /// <summary>The header, and everything that is not zero: the tables, and little of the data.</summary>
    static int[] Places(byte[] bytes) =>
        [.. Enumerable.Range(4, 124), .. Enumerable.Range(0, bytes.Length / 8).Select(index => index * 8)
            .Where(at => bytes.AsSpan(at, 8).IndexOfAnyExcept(bytes[at]) >= 0)];

    static void Put(byte[] bytes, int at, ulong value, int width)
    {
        if (at + width > bytes.Length)
        {
            return;
        }
        switch (width)
        {
            case 1:
                bytes[at] = (byte)value;
                break;
            case 4:
                BinaryPrimitives.WriteUInt32BigEndian(bytes.AsSpan(at), (uint)value);
                break;
            default:
                BinaryPrimitives.WriteUInt64BigEndian(bytes.AsSpan(at), value);
                break;
        }
    }
}

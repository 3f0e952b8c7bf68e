namespace OvirtSpm.Interop.Images;

/// <summary>Images with a random life, from a seed: both readers agree after every step.</summary>
public sealed class ImageRandomTests
{
    [Theory]
    [InlineData(1, 12)]
    [InlineData(2, 12)]
    public Task Random_images_are_read_as_QEMU_reads_them(int seed, int images) => RunAsync(seed, images);

    [Fact(Explicit = true)]
    public Task Five_hundred_random_images_are_read_as_QEMU_reads_them() => RunAsync(77, 500);

    static async Task RunAsync(int seed, int images)
    {
        for (var number = 0; number < images; number++)
        {
            var random = new Random((seed * 100_000) + number);
            using var qemu = new QemuImages();
            var bits = random.Next(9, 22);
            var extended = bits >= 14 && random.Next(3) == 0;
            var version2 = !extended && random.Next(5) == 0;
            var refcounts = version2 ? 16 : 1 << random.Next(0, 7);
            var size = (1 + random.Next(64)) << 20;
            var options = $"cluster_size={1 << bits},compat={(version2 ? "0.10" : "1.1")},refcount_bits={refcounts}" + (extended ? ",extended_l2=on" : "")
                + (random.Next(4) == 0 ? ",preallocation=metadata" : "");
            var path = await qemu.CreateAsync("random", options, $"{size}");
            var said = $"seed {seed}, image {number}: {options}, {size} bytes";
            try
            {
                for (var step = 0; step < 3; step++)
                {
                    await StepAsync(qemu, path, random, size, mayHaveSnapshots: refcounts > 2, step);
                    await ImageAgreement.HoldsAsync(qemu, path);
                }
            }
            catch (Exception failed)
            {
                throw new InvalidOperationException(said, failed);
            }
        }
    }

    static async Task StepAsync(QemuImages qemu, string path, Random random, int size, bool mayHaveSnapshots, int step)
    {
        var commands = Enumerable.Range(0, random.Next(1, 12)).Select(_ =>
        {
            var at = random.Next(size / 512) * 512L;
            var length = Math.Min(size - at, (1 + random.Next(random.Next(2) == 0 ? 64 : 4096)) * 512L);
            return random.Next(5) switch
            {
                0 => $"write -z {at} {length}",
                1 => $"write -z -u {at} {length}",
                2 => $"discard {at} {length}",
                _ => $"write -P {random.Next(256)} {at} {length}",
            };
        });
        await qemu.WriteAsync(path, [.. commands]);
        // Refcounts of one bit have no room for a snapshot, those of two not for three.
        if (mayHaveSnapshots && random.Next(3) == 0)
        {
            await qemu.ImgAsync(path, "snapshot", "-c", $"s{step}");
        }
    }
}

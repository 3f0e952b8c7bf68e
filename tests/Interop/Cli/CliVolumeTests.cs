using OvirtSpm.Interop.Demo;

namespace OvirtSpm.Interop.Cli;

/// <summary>The life of volumes through the offline verbs.</summary>
public sealed class CliVolumeTests
{
    const string Uuid = "bbbbbbbb-0000-4000-8000-000000000001";

    [Fact]
    public async Task A_thin_volume_is_created_listed_extended_and_deleted_with_what_a_program_reads()
    {
        DemoTools.Need("qemu-img");
        using var lun = await CliLun.WithDomainAsync();
        const string Alias = "Müller's \"Platte\" {盤}";
        var made = (await CliSpm.RunAsync("volume", "create", "--lun", lun.Path, "--size", "8G", "--alias", Alias, "--uuid", Uuid, "--json")).Succeeded().Json;
        foreach (var (name, value) in new (string, object)[]
        {
            ("volume", Uuid), ("alias", Alias), ("format", "cow"), ("allocation", "sparse"), ("virtualSizeBytes", 8 * CliLun.Gib), ("state", "ready"),
            ("slot", 1L),
        })
        {
            Assert.Equal(value.ToString(), made.GetProperty(name).ToString());
        }
        Assert.Empty(made.GetProperty("problems").EnumerateArray());

        var listed = Assert.Single((await CliSpm.RunAsync("volume", "list", "--lun", lun.Path, "--json")).Succeeded().Json.EnumerateArray());
        Assert.Equal(made.ToString(), listed.ToString());
        Assert.Equal(made.ToString(), (await CliSpm.RunAsync("volume", "info", Alias, "--lun", lun.Path, "--json")).Succeeded().Json.ToString());

        // The same request again makes no second one, and does not need the alias to agree.
        var again = (await CliSpm.RunAsync("volume", "create", "--lun", lun.Path, "--size", "8G", "--uuid", Uuid, "--json")).Succeeded().Json;
        Assert.Equal(made.ToString(), again.ToString());
        (await CliSpm.RunAsync("volume", "create", "--lun", lun.Path, "--size", "9G", "--uuid", Uuid)).Refused("another volume", "another size");
        (await CliSpm.RunAsync("volume", "create", "--lun", lun.Path, "--size", "8G", "--format", "raw", "--uuid", Uuid)).Refused("another volume");

        var larger = (await CliSpm.RunAsync("volume", "extend", Uuid, "1G", "--lun", lun.Path, "--json")).Succeeded().Json;
        Assert.Equal(CliLun.Gib, larger.GetProperty("allocatedBytes").GetInt64());
        Assert.Equal(Uuid, larger.GetProperty("volume").GetString());
        Assert.NotEmpty(larger.GetProperty("segments").EnumerateArray());
        // Sizes are absolute: asking for less than it has is harmless.
        var smaller = (await CliSpm.RunAsync("volume", "extend", Uuid[..8], "512M", "--lun", lun.Path, "--json")).Succeeded().Json;
        Assert.Equal(CliLun.Gib, smaller.GetProperty("allocatedBytes").GetInt64());

        var deleted = (await CliSpm.RunAsync("volume", "delete", Alias, "--lun", lun.Path, "--json")).Succeeded().Json;
        Assert.Equal(CliLun.Gib, deleted.GetProperty("freedBytes").GetInt64());
        Assert.Empty((await CliSpm.RunAsync("volume", "list", "--lun", lun.Path, "--json")).Succeeded().Json.EnumerateArray());
        (await CliSpm.RunAsync("domain", "check", "--lun", lun.Path)).Succeeded();
    }

    [Fact]
    public async Task A_raw_volume_is_zeroed_before_it_is_seen_unless_that_was_declined()
    {
        using var lun = await CliLun.WithDomainAsync();
        var layout = await CliLayout.ReadAsync(lun);
        var size = 2 * layout.ExtentBytes;
        var garbage = new byte[64 << 10];
        new Random(7).NextBytes(garbage);
        var places = Enumerable.Range(0, 16).Select(i => layout.FirstFreeByte + i * (size / 16)).Append(layout.FirstFreeByte + size - garbage.Length).ToList();
        places.ForEach(at => lun.Write(at, garbage));

        var raw = (await CliSpm.RunAsync("volume", "create", "--lun", lun.Path, "--size", $"{size}", "--format", "raw", "--no-zero", "--json")).Succeeded().Json;
        Assert.Equal("preallocated", raw.GetProperty("allocation").GetString());
        Assert.Equal(size, raw.GetProperty("allocatedBytes").GetInt64());
        Assert.All(places, at => Assert.Equal(garbage, lun.Read(at, garbage.Length)));
        (await CliSpm.RunAsync("volume", "delete", raw.GetProperty("volume").GetString()!, "--lun", lun.Path)).Succeeded();

        (await CliSpm.RunAsync("volume", "create", "--lun", lun.Path, "--size", $"{size}", "--format", "raw")).Succeeded();
        Assert.All(places, at => Assert.Equal(-1, lun.Read(at, garbage.Length).AsSpan().IndexOfAnyExcept((byte)0)));

        var grown = (await CliSpm.RunAsync("volume", "create", "--lun", lun.Path, "--size", "128M", "--format", "raw", "--uuid", Uuid, "--json")).Succeeded().Json;
        Assert.Equal("raw", grown.GetProperty("format").GetString());
        var added = Enumerable.Range(0, 16).Select(i => layout.FirstFreeByte + size + (128 * CliLun.Mib) + (i * 16 * CliLun.Mib)).ToList();
        added.ForEach(at => lun.Write(at, garbage));
        (await CliSpm.RunAsync("volume", "extend", Uuid, "300M", "--lun", lun.Path)).Succeeded();
        Assert.All(added, at => Assert.Equal(-1, lun.Read(at, garbage.Length).AsSpan().IndexOfAnyExcept((byte)0)));
        var after = (await CliSpm.RunAsync("volume", "info", Uuid, "--lun", lun.Path, "--json")).Succeeded().Json;
        Assert.Equal(384 * CliLun.Mib, after.GetProperty("virtualSizeBytes").GetInt64());
        Assert.Equal(384 * CliLun.Mib, after.GetProperty("allocatedBytes").GetInt64());
    }

    [Fact]
    public async Task A_full_pool_says_so_with_numbers_loses_nothing_and_works_again_after_a_delete()
    {
        using var lun = await CliLun.WithDomainAsync();
        var free = (await CliSpm.RunAsync("domain", "info", "--lun", lun.Path, "--json")).Succeeded().Json.GetProperty("freeBytes").GetInt64();
        (await CliSpm.RunAsync("volume", "create", "--lun", lun.Path, "--size", $"{free}", "--format", "raw", "--no-zero", "--alias", "all of it")).Succeeded();
        var full = (await CliSpm.RunAsync("domain", "info", "--lun", lun.Path, "--json")).Succeeded().Json;
        Assert.Equal(0, full.GetProperty("freeBytes").GetInt64());

        var before = await ListAsync(lun);
        (await CliSpm.RunAsync("volume", "create", "--lun", lun.Path, "--size", "1G", "--uuid", Uuid)).Refused("pool is full", "128 MiB are needed", "0 B are free", "Delete volumes");
        (await CliSpm.RunAsync("volume", "extend", "all of it", $"{free + 1}", "--lun", lun.Path)).Refused("pool is full", "128 MiB are needed");
        Assert.Equal(before, await ListAsync(lun));
        (await CliSpm.RunAsync("domain", "check", "--lun", lun.Path)).Succeeded();

        (await CliSpm.RunAsync("volume", "delete", "all of it", "--lun", lun.Path)).Succeeded();
        (await CliSpm.RunAsync("volume", "create", "--lun", lun.Path, "--size", "1G", "--uuid", Uuid, "--format", "raw", "--no-zero")).Succeeded();
        (await CliSpm.RunAsync("domain", "check", "--lun", lun.Path)).Succeeded();
    }

    static async Task<string> ListAsync(CliLun lun) => (await CliSpm.RunAsync("volume", "list", "--lun", lun.Path, "--json")).Succeeded().Output;
}

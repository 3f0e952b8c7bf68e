namespace OvirtSpm.Interop.Cli;

/// <summary>What is typed wrong is told before a host id is taken: not a byte of the LUN changes.</summary>
public sealed class CliWrongInputTests
{
    sealed record Mistake(string[] Arguments, int Code, params string[] Said)
    {
        public override string ToString() => string.Join(' ', Arguments);
    }

    static readonly string Long = new('x', 211);

    static readonly Mistake[] Mistakes =
    [
        Size("0", "zero"), Size("-1", "negative"), Size("-8G", "negative"), Size("abc", "not a number"), Size("1.5", "whole number of bytes"),
        Size("9000T", "8 TiB"), Size("8GB", "unknown unit"), Size(" ", "no size"), Size("9999999999999999999999999", "8 TiB"), Size("99999999999999999999999999999999"),
        Size("1e9", "unknown unit"), Size("0x10", "unknown unit"), Size("1,5G", "unknown unit"), Size(new string('9', 5000), "not a number"), Size("NaN", "not a number"), Size("8 G G", "unknown unit"),
        new(["volume", "create"], 2, "--size"),
        new(["volume", "create", "--size", "1G", "--format", "vmdk"], 2, "vmdk"),
        new(["volume", "create", "--size", "1G", "--uuid", "12345"], 2, "not a uuid"),
        new(["volume", "create", "--size", "1G", "--uuid", "00000000-0000-0000-0000-000000000000"], 2, "not a uuid"),
        new(["volume", "create", "--size", "1G", "--alias", "two\nlines"], 2, "one line"),
        new(["volume", "create", "--size", "1G", "--alias", ""], 2, "not empty"),
        new(["volume", "create", "--size", "1G", "--alias", "\u001b[31m"], 2, "one line"),
        new(["volume", "create", "--size", "1G", "--alias", Long], 2, "211 characters", "shorter"),
        new(["volume", "create", "--size", "1G", "--alias", new string('盤', 190)], 2, "shorter"),
        new(["volume", "extend", "nobody", "1G"], 1, "no volume", "spm volume list"),
        new(["volume", "extend", "alpha", "9000T"], 2, "8 TiB"),
        new(["volume", "extend", "alpha", "100G"], 2, "at most", "100 GiB"),
        new(["volume", "extend", "alpha", "0"], 2, "zero"),
        new(["volume", "extend", "alpha"], 2, "extend", "spm volume extend --help"),
        new(["volume", "info", "aaaaaaaa"], 2, "fits 2 volumes", "alpha", "beta"),
        new(["volume", "delete", "aaaaaaaa"], 2, "fits 2 volumes"),
        new(["volume", "info", "aaa"], 1, "no volume", "at least 4"),
        new(["volume", "info", ""], 1, "no volume was named"),
        new(["volume", "info", Long], 1, "no volume"),
        new(["volume", "info", "aaaaaaaa-0000-4000-8000-0000000000ff"], 1, "no volume"),
        new(["volume", "delete", "metadata"], 1, "special volume", "left alone"),
        new(["volume", "delete", "spm"], 1, "special volume"),
        new(["volume", "extend", "leases", "4G"], 1, "special volume"),
        new(["volume", "info", "ids"], 1, "special volume"),
        new(["volume", "list", "--sector-size", "1000"], 1, "1000", "512 or 4096"),
        new(["volume", "list", "--sector-size", "4096"], 1),
        new(["domain", "create", "--extent-size", "3M"], 2, "powers of two"),
        new(["domain", "create", "--extent-size", "-1"], 2, "negative"),
        new(["domain", "create", "--io-timeout", "0"], 2, "io timeout"),
        new(["domain", "create", "--io-timeout", "ten"], 2, "ten"),
        new(["domain", "create", "--watchdog-timeout", "-5"], 2, "watchdog"),
        new(["domain", "create", "--uuid", "xyz"], 2, "xyz"),
        new(["domain", "create"], 1, "not empty"),
        new(["domain", "remove"], 1, "--yes"),
        new(["domain", "explode"], 2, "explode"),
    ];

    [Fact]
    public async Task Every_mistake_is_told_with_its_reason_and_changes_nothing()
    {
        using var lun = await CliLun.WithDomainAsync();
        foreach (var (number, name) in new[] { (1, "alpha"), (2, "beta") })
        {
            (await CliSpm.RunAsync("volume", "create", "--lun", lun.Path, "--size", "1G", "--alias", name, "--uuid", $"aaaaaaaa-0000-4000-8000-00000000000{number}")).Succeeded();
        }
        var before = lun.Fingerprint();
        await CliMany.EachAsync(Mistakes, async mistake =>
        {
            var result = await CliSpm.RunAsync([.. mistake.Arguments, "--lun", lun.Path]);
            _ = mistake.Code == 1 ? result.Refused(mistake.Said) : result.Misused(mistake.Said);
        });
        Assert.Equal(before, lun.Fingerprint());
    }

    static Mistake Size(string size, params string[] said) => new(["volume", "create", $"--size={size}"], 2, said);
}

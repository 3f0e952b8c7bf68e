using OvirtSpm.Interop.Cli;

namespace OvirtSpm.Interop.Ovirt;

/// <summary>A disk's volume as oVirt has it on block storage.</summary>
/// <param name="Slot">Of version 5; version 4 begins three later.</param>
/// <param name="Parent">Null for none.</param>
/// <param name="Extents">What its LV has.</param>
sealed record OvirtVolume(string Name, string Image, int Slot, bool Cow, string Role, int CapacityGib, int Extents, string? Parent = null, string Alias = "")
{
    public const string None = "00000000-0000-0000-0000-000000000000";

    /// <summary>A template and a disk made of it, a disk with a snapshot, and a raw disk that no machine has. Slot 4 is free, as after a deletion.</summary>
    public static IReadOnlyList<OvirtVolume> Usual { get; } =
    [
        new("aaaaaaaa-0000-4000-8000-000000000001", "dddddddd-0000-4000-8000-000000000001", 1, true, "SHARED", 2, 3, Alias: "template"),
        new("aaaaaaaa-0000-4000-8000-000000000002", "dddddddd-0000-4000-8000-000000000002", 2, true, "INTERNAL", 8, 4, Alias: "disk"),
        new("aaaaaaaa-0000-4000-8000-000000000003", "dddddddd-0000-4000-8000-000000000002", 3, true, "LEAF", 8, 8, "aaaaaaaa-0000-4000-8000-000000000002", "disk, today"),
        new("aaaaaaaa-0000-4000-8000-000000000005", "dddddddd-0000-4000-8000-000000000005", 5, true, "LEAF", 2, 2, "aaaaaaaa-0000-4000-8000-000000000001", "machine"),
        new("aaaaaaaa-0000-4000-8000-000000000006", "dddddddd-0000-4000-8000-000000000006", 6, false, "LEAF", 1, 8, Alias: "floating"),
    ];

    public string[] Tags(int version) => [$"IU_{Image}", $"PU_{Parent ?? None}", $"MD_{SlotOf(version)}"];

    public int SlotOf(int version) => version == 5 ? Slot : Slot + 3;

    /// <summary>The slot's text, written from the description of the format alone.</summary>
    public string Text(string domain, int version)
    {
        var lines = new SortedDictionary<string, string>(StringComparer.Ordinal)
        {
            ["CTIME"] = "1700000000",
            ["DESCRIPTION"] = $"{{\"DiskAlias\":\"{Alias}\",\"DiskDescription\":\"\"}}",
            ["DISKTYPE"] = "DATA",
            ["DOMAIN"] = domain,
            ["FORMAT"] = Cow ? "COW" : "RAW",
            ["GEN"] = "3",
            ["IMAGE"] = Image,
            ["LEGALITY"] = "LEGAL",
            ["PUUID"] = Parent ?? None,
            ["TYPE"] = Cow ? "SPARSE" : "PREALLOCATED",
            ["VOLTYPE"] = Role,
        };
        if (version == 5)
        {
            lines["CAP"] = $"{CapacityGib * CliLun.Gib}";
            lines["SEQ"] = "1";
        }
        else
        {
            lines["SIZE"] = $"{CapacityGib * CliLun.Gib / 512}";
            lines["MTIME"] = "0";
        }
        return string.Concat(lines.Select(line => $"{line.Key}={line.Value}\n")) + "EOF\n";
    }

    public static long SlotOffset(int slot, int version) => version == 5 ? CliLun.Mib + (slot * 8192L) : slot * 512L;
}

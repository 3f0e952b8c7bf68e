using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using OvirtSpm.Interop.Cli;
using OvirtSpm.Interop.Demo;
using OvirtSpm.Node.Linux;
using OvirtSpm.Node.Storage;

namespace OvirtSpm.Interop.Ovirt;

/// <summary>A block domain as oVirt makes it: by stock lvm2 and sanlock, its texts written from the description of the format, nothing of ours in it.</summary>
sealed class OvirtDomain : IDisposable
{
    public const string Uuid = "5d5d5d5d-2222-4333-8444-555555555555";
    public const string VendorTag = "backup.vendor/keep-7d";
    public const string Stray = "not_a_disk";

    static readonly (string Name, int Extents)[] Special =
        [("metadata", 1), ("ids", 1), ("inbox", 1), ("outbox", 1), ("leases", 16), ("xleases", 8), ("master", 8)];

    readonly Dictionary<string, long> places = [];

    OvirtDomain(CliLun lun, int version) => (Lun, Version) = (lun, version);

    /// <summary>The same bytes on a LUN of their own.</summary>
    public OvirtDomain Copy()
    {
        var copy = new OvirtDomain(Lun.Copy(withLoop: true), Version);
        foreach (var (name, place) in places)
        {
            copy.places[name] = place;
        }
        return copy;
    }

    public CliLun Lun { get; }

    public int Version { get; }

    public string Path => Lun.Path;

    /// <summary>Where an LV begins on the LUN, as stock lvm2 says.</summary>
    public long OffsetOf(string lv) => places[lv];

    /// <param name="ioTimeoutSeconds">Of its host ids: one second makes joining take two.</param>
    public static async Task<OvirtDomain> MakeAsync(int version = 5, int ioTimeoutSeconds = 1, long bytes = 20 * CliLun.Gib)
    {
        SanlockTool.SkipWhenMissing();
        DemoTools.Need("qemu-img");
        var domain = new OvirtDomain(CliLun.LoopOf(bytes), version);
        try
        {
            domain.MakeGroup();
            await domain.MakeLeasesAsync(ioTimeoutSeconds);
            foreach (var volume in OvirtVolume.Usual)
            {
                await domain.AddAsync(volume);
            }
            domain.Lun.Lvm.MustRun("lvcreate", "-an", "-Zn", "-Wn", "--autobackup", "n", "-l", "1", "-n", Stray, "--addtag", VendorTag, Uuid);
            domain.Lun.Lvm.MustRun("lvchange", "--autobackup", "n", "--addtag", VendorTag, $"{Uuid}/{OvirtVolume.Usual[2].Name}");
            domain.FindPlaces();
            return domain;
        }
        catch
        {
            domain.Dispose();
            throw;
        }
    }

    /// <summary>One command of sanlock on its lockspace or a lease.</summary>
    public async Task SanlockAsync(params string[] arguments)
    {
        var (code, text) = await SanlockTool.DirectAsync(arguments);
        Assert.True(code == 0, $"sanlock direct {string.Join(' ', arguments)}: {text}");
    }

    public string Lockspace(int hostId) => $"{Uuid}:{hostId}:{Lun.Image}:{OffsetOf("ids")}";

    public string SpmLease => $"{Uuid}:SDM:{Lun.Image}:{OffsetOf("leases") + CliLun.Mib}";

    /// <summary>The group's text as vgcfgbackup writes it, without what every commit changes: number, time, writer.</summary>
    public string Backup()
    {
        var file = Lun.Image + ".vg"; // lvm2 refuses names that end in .tmp
        try
        {
            Lun.Lvm.MustRun("vgcfgbackup", "-f", file, Uuid);
            return string.Join('\n', File.ReadLines(file).Where(line => !line.StartsWith('#')
                && !new[] { "seqno = ", "description = ", "creation_host = ", "creation_time = " }.Any(key => line.TrimStart().StartsWith(key, StringComparison.Ordinal))));
        }
        finally
        {
            File.Delete(file);
        }
    }

    public string[] GroupTags() => Lun.Lvm.MustRun("vgs", "--noheadings", "-o", "vg_tags", Uuid).Output.Trim().Split(',');

    public void Dispose() => Lun.Dispose();

    void MakeGroup()
    {
        var lvm = Lun.Lvm;
        lvm.MustRun("pvcreate", "-y", "--metadatasize", "128m", "--metadatacopies", "2", "--metadataignore", "y", Path);
        lvm.MustRun("pvchange", "--metadataignore", "n", Path);
        lvm.MustRun("vgcreate", "--autobackup", "n", "--physicalextentsize", "128m", "--setautoactivation", "n", "--addtag", "RHAT_storage_domain_UNREADY", Uuid, Path);
        foreach (var (name, extents) in Special)
        {
            lvm.MustRun("lvcreate", "-an", "-Zn", "-Wn", "--autobackup", "n", "--contiguous", "n", "-l", $"{extents}", "-n", name, Uuid);
        }
        FindPlaces();
        lvm.MustRun("vgchange", ["--autobackup", "n", "--deltag", "RHAT_storage_domain_UNREADY", "--addtag", "RHAT_storage_domain", .. Description().SelectMany(tag => new[] { "--addtag", tag }), Uuid]);
        // What is oVirt's alone, to be found unchanged.
        Lun.Write(OffsetOf("master") + 1080, [0x53, 0xEF]);
        Lun.Write(OffsetOf("inbox") + 4096, "a request of host 1"u8);
    }

    async Task MakeLeasesAsync(int ioTimeoutSeconds)
    {
        await SanlockAsync("init", "-s", Lockspace(0), "-o", $"{ioTimeoutSeconds}");
        await SanlockAsync("init", "-r", SpmLease);
        using var device = Node.Linux.Lun.Open(Path, readOnly: false, null);
        await LeaseIndexStore.WriteWholeAsync(device.Window(OffsetOf("xleases"), 1024 * CliLun.Mib), Uuid, DateTimeOffset.UnixEpoch, new Dictionary<int, OvirtSpm.Volumes.Xleases.XleasesRecord>());
    }

    /// <summary>LV, tags, image, slot, lease: in oVirt's order.</summary>
    async Task AddAsync(OvirtVolume volume)
    {
        var lv = $"{Uuid}/{volume.Name}";
        Lun.Lvm.MustRun("lvcreate", "-an", "-Zn", "-Wn", "--autobackup", "n", "--contiguous", "n", "-l", $"{volume.Extents}", "--addtag", "OVIRT_VOL_INITIALIZING", "-n", volume.Name, Uuid);
        FindPlaces();
        if (volume.Cow)
        {
            var image = Lun.Image + ".qcow2";
            string[] below = volume.Parent is null ? [] : ["-u", "-F", "qcow2", "-b", volume.Parent];
            await CliTool.RunAsync("qemu-img", ["create", "-q", "-f", "qcow2", "-o", "compat=1.1", .. below, image, $"{volume.CapacityGib}G"]);
            Lun.Write(OffsetOf(volume.Name), await File.ReadAllBytesAsync(image));
            File.Delete(image);
        }
        Lun.Lvm.MustRun("lvchange", ["--autobackup", "n", "--deltag", "OVIRT_VOL_INITIALIZING", .. volume.Tags(Version).SelectMany(tag => new[] { "--addtag", tag }), lv]);
        var text = new byte[512];
        Encoding.UTF8.GetBytes(volume.Text(Uuid, Version)).CopyTo(text, 0);
        Lun.Write(SlotPlace(volume), text);
        await SanlockAsync("init", "-r", $"{Uuid}:{volume.Name}:{Lun.Image}:{OffsetOf("leases") + ((100 + volume.SlotOf(Version)) * CliLun.Mib)}");
    }

    public long SlotPlace(OvirtVolume volume) => OffsetOf("metadata") + OvirtVolume.SlotOffset(volume.SlotOf(Version), Version);

    void FindPlaces()
    {
        var start = long.Parse(Lun.Lvm.MustRun("pvs", "--noheadings", "--units", "b", "--nosuffix", "-o", "pe_start", Path).Output, NumberStyles.AllowLeadingWhite | NumberStyles.AllowTrailingWhite, CultureInfo.InvariantCulture);
        foreach (var segment in Lun.Lvm.Report("lvs", "seg", "--segments", "-o", "lv_name,seg_pe_ranges", Uuid))
        {
            var first = segment.GetProperty("seg_pe_ranges").GetString()!.Split(':')[^1].Split('-')[0];
            places.TryAdd(segment.GetProperty("lv_name").GetString()!, start + (long.Parse(first, CultureInfo.InvariantCulture) * 128 * CliLun.Mib));
        }
    }

    IEnumerable<string> Description()
    {
        string One(string columns) => Lun.Lvm.MustRun("pvs", "--noheadings", "-o", columns, Path).Output.Trim();
        var pairs = new SortedDictionary<string, string>(StringComparer.Ordinal)
        {
            ["VERSION"] = $"{Version}",
            ["SDUUID"] = Uuid,
            ["TYPE"] = "FCP",
            ["CLASS"] = "Data",
            ["ROLE"] = "Regular",
            ["DESCRIPTION"] = "old SAN, shelf 2",
            ["POOL_UUID"] = "77777777-0000-4000-8000-000000000001",
            ["LOCKPOLICY"] = "",
            ["LOCKRENEWALINTERVALSEC"] = "5",
            ["LEASETIMESEC"] = "60",
            ["IOOPTIMEOUTSEC"] = "10",
            ["LEASERETRIES"] = "3",
            ["VGUUID"] = One("vg_uuid"),
            ["PV0"] = $"pv:36001405abcdef,uuid:{One("pv_uuid")},pestart:0,pecount:{One("pv_pe_count")},mapoffset:0",
        };
        foreach (var (key, value) in Version == 5 ? [("ALIGNMENT", "1048576"), ("BLOCK_SIZE", "512")] : new[] { ("LOGBLKSIZE", "512"), ("PHYBLKSIZE", "512") })
        {
            pairs[key] = value;
        }
        pairs["_SHA_CKSUM"] = Convert.ToHexStringLower(SHA1.HashData(Encoding.ASCII.GetBytes(string.Concat(pairs.Select(pair => $"{pair.Key}={pair.Value}")))));
        return pairs.Select(pair => "MDT_" + string.Concat($"{pair.Key}={pair.Value}".Select(Escaped)));
    }

    static string Escaped(char c) => char.IsAsciiLetterOrDigit(c) || "_+.-/=!:#".Contains(c, StringComparison.Ordinal) ? $"{c}" : $"&{(int)c}&";
}

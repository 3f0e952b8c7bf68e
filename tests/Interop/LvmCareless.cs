namespace OvirtSpm.Interop;

/// <summary>What somebody types who takes a pool's volume group for one of the host's own.</summary>
/// <param name="Arguments">VG, LV, PV, SPARE (an empty device), OTHER (another group) and FILE (a text from before the guard) stand for what is there.</param>
public sealed record LvmCareless(string Command, params string[] Arguments)
{
    /// <summary>Each changes the group when nothing stops it.</summary>
    public static readonly LvmCareless[] Refused =
    [
        new("lvcreate", "-y", "-an", "-Zn", "-Wn", "-l1", "-n", "new", "VG"),
        new("lvremove", "-y", "VG/LV"),
        new("lvremove", "-y", "-ff", "VG"),
        new("lvextend", "-l+1", "VG/LV"),
        new("lvreduce", "-f", "-l-1", "VG/LV"),
        new("lvresize", "-f", "-l+1", "VG/LV"),
        new("lvchange", "--addtag", "careless", "VG/LV"),
        new("lvchange", "-pr", "VG/LV"),
        new("lvchange", "-ky", "VG/LV"),
        new("lvrename", "VG/LV", "renamed"),
        new("vgchange", "--addtag", "careless", "VG"),
        new("vgchange", "-y", "-u", "VG"),
        new("vgchange", "--setautoactivation", "y", "VG"),
        new("vgchange", "-s", "64m", "VG"),
        new("vgchange", "-y", "--lock-type", "none", "--lock-opt", "force", "VG"),
        new("vgrename", "VG", "renamed"),
        new("vgremove", "-y", "-f", "VG"),
        new("vgextend", "-y", "VG", "SPARE"),
        new("vgexport", "VG"),
        new("vgsplit", "VG", "split", "PV"),
        new("vgmerge", "-y", "OTHER", "VG"),
        new("vgmerge", "-y", "VG", "OTHER"),
        new("vgck", "--updatemetadata", "VG"),
        new("vgimportclone", "-y", "PV"),
        new("pvchange", "-y", "-u", "PV"),
        new("pvchange", "--addtag", "careless", "PV"),
        new("pvchange", "-xn", "PV"),
    ];

    /// <summary>These ask nobody.</summary>
    public static readonly LvmCareless[] NotStopped =
    [
        new("vgcfgrestore", "-y", "-f", "FILE", "VG"),
        new("pvck", "-y", "--repair", "--file", "FILE", "PV"),
        new("pvcreate", "-y", "-ff", "PV"),
        new("pvremove", "-y", "-ff", "PV"),
    ];

    public LvmResult Run(LvmTool lvm, Func<string, string> named) =>
        lvm.Run(Command, [.. Arguments.Select(argument => string.Join('/', argument.Split('/').Select(named)))]);

    public override string ToString() => $"{Command} {string.Join(' ', Arguments)}";
}

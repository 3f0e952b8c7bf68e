using System.Text;
using OvirtSpm.Node.HostLvm;

namespace OvirtSpm.Node.Tests.HostLvm;

/// <summary>What is written for the host's lvm2, and what is refused instead of guessed.</summary>
public sealed class HostSetupTests
{
    const string ById = "/dev/disk/by-id/scsi-36001405a", Rejected = "r|^/dev/disk/by-id/scsi-36001405a$|";

    static readonly HostLun Lun = new("/dev/sdb", ["/dev/sdb", ById], [ById], "PvUuidPvUuidPvUuidPvUuidPvUuid12");

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("local {\n\tsystem_id = \"a\"\n}\n")]
    [InlineData("# no end of line, and a byte that is no UTF-8: \xe9")]
    public void What_is_written_says_it_and_is_taken_back_to_the_last_byte(string? before)
    {
        var files = Files(local: before);
        var set = Assert.IsType<HostPlan.Change>(HostSetup.Plan(files, [Lun]));
        Assert.Empty(set.Removed);
        var text = Encoding.Latin1.GetString(set.Local!);
        Assert.StartsWith(before ?? "", text, StringComparison.Ordinal);
        Assert.EndsWith(string.Concat(set.Added.Select(line => line + "\n")), text, StringComparison.Ordinal);
        Assert.Contains($"\"{Rejected}\"", text, StringComparison.Ordinal);

        // Asked again it is done; what stands behind the lines stays there.
        var after = files with { Local = set.Local };
        Assert.IsType<HostPlan.Nothing>(HostSetup.Plan(after, [Lun]));
        var more = files with { Local = [.. set.Local!, .. "tags { x { } }\n"u8] };
        Assert.IsType<HostPlan.Nothing>(HostSetup.Plan(more, [Lun]));
        Assert.Equal(before is null or "" ? null : before, Undone(after));
        Assert.Equal(before + "tags { x { } }\n", Undone(more));
        Assert.IsType<HostPlan.Nothing>(HostSetup.Undo(files));
    }

    [Fact]
    public void A_second_LUN_joins_the_first_and_the_filter_of_lvm_conf_goes_on_behind_ours()
    {
        var files = Files(conf: "devices {\n\tglobal_filter = [ \"r|/dev/sr0|\", \"a|^/dev/sda\\\\.|\" ]\n}\n");
        var first = Assert.IsType<HostPlan.Change>(HostSetup.Plan(files, [Lun]));
        var second = Lun with { Path = "/dev/mapper/lun.b", Names = ["/dev/mapper/lun.b"], Stable = ["/dev/mapper/lun.b"] };
        var both = Assert.IsType<HostPlan.Change>(HostSetup.Plan(files with { Local = first.Local }, [second]));
        Assert.Equal(first.Added, both.Removed);
        Assert.Equal(
            ["\t\"r|^/dev/disk/by-id/scsi-36001405a$|\", # spm", "\t\"r|^/dev/mapper/lun[.]b$|\", # spm", "\t\"r|/dev/sr0|\",", "\t\"a|^/dev/sda\\\\.|\""],
            both.Added.Where(line => line.StartsWith('\t')));
    }

    /// lvm2 takes a device when one of its names is accepted: a reject in front would be a promise that does not hold.
    [Theory]
    [InlineData("a|.*|")]
    [InlineData("a|/dev/sd|")]
    [InlineData("a(^/dev/sdb$)")]
    public void A_filter_that_accepts_another_name_of_the_LUN_is_named_and_nothing_is_written(string pattern)
    {
        var refused = Assert.Throws<Refusal>(() => HostSetup.Plan(Files(conf: $"devices/global_filter = [ \"{pattern}\" ]"), [Lun]));
        Assert.Contains(pattern, refused.Message, StringComparison.Ordinal);
        Assert.Contains("/dev/sdb", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_host_that_leaves_the_LUN_alone_already_is_not_changed()
    {
        HostFiles[] done =
        [
            Files(conf: "devices { global_filter = [ \"a|^/dev/sda|\", \"r|.*|\" ] }"),
            Files(conf: "devices { global_filter = [ \"a|.*|\" ] }\ndevices/global_filter = [ \"r|.*|\" ]"), // lvm2 takes the last one
            Files(local: "devices { global_filter = \"r|^/dev/sdb$|\" }"),
            Files(conf: "devices { use_devicesfile = 1 }", devices: "IDTYPE=sys_wwid IDNAME=naa.5000 DEVNAME=/dev/sda PVID=other\n"),
        ];
        Assert.All(done, files => Assert.IsType<HostPlan.Nothing>(HostSetup.Plan(files, [Lun])));
    }

    [Fact]
    public void What_would_be_a_guess_is_refused_with_what_to_do()
    {
        // /dev/sdb may be the disk the host starts from, the next time.
        Refused(Files(), "/dev/disk/by-id", Lun with { Stable = [] });
        Refused(Files(local: "devices/global_filter = [ \"r|/dev/sr0|\" ]"), Rejected);
        Refused(Files(conf: "devices {"), "lvm.conf cannot be read");
        Refused(Files(devices: "IDTYPE=sys_wwid IDNAME=naa.5000 DEVNAME=/dev/sda PVID=other\n"), "devices/use_devicesfile = 1 or 0");
        Refused(Files(conf: "devices {\n\t# use_devicesfile = 1\n}", devices: "IDTYPE=sys_wwid IDNAME=naa.6001405a DEVNAME=/dev/sdq PVID=PvUuidPvUuidPvUuidPvUuidPvUuid12\n"), "lvmdevices --deldev");
        Refused(Files(conf: "devices { use_devicesfile = 1 }", devices: "IDTYPE=devname IDNAME=/dev/sdb DEVNAME=. PVID=.\n"), "lvmdevices --deldev");
        var set = Encoding.Latin1.GetString(Assert.IsType<HostPlan.Change>(HostSetup.Plan(Files(), [Lun])).Local!);
        Refused(Files(local: set.Replace("# spm host setup: end\n", "", StringComparison.Ordinal)), "changed by hand");
        // Off by default, as Debian builds it, or turned off in so many words, the devices file means nothing.
        Assert.IsType<HostPlan.Change>(HostSetup.Plan(Files(conf: "devices {\n\t# use_devicesfile = 0\n}", devices: "DEVNAME=/dev/sdb\n"), [Lun]));
        Assert.IsType<HostPlan.Change>(HostSetup.Plan(Files(conf: "devices { use_devicesfile = 0 }", devices: "DEVNAME=/dev/sdb\n"), [Lun]));
    }

    static void Refused(HostFiles files, string said, HostLun? lun = null) =>
        Assert.Contains(said, Assert.Throws<Refusal>(() => HostSetup.Plan(files, [lun ?? Lun])).Message, StringComparison.Ordinal);

    static string? Undone(HostFiles files) => Assert.IsType<HostPlan.Change>(HostSetup.Undo(files)).Local is { } text ? Encoding.Latin1.GetString(text) : null;

    static HostFiles Files(string? conf = "devices {\n\t# global_filter = [ \"a|.*|\" ]\n}\n", string? local = null, string? devices = null) =>
        new(Bytes(conf), Bytes(local), Bytes(devices));

    static byte[]? Bytes(string? text) => text is null ? null : Encoding.Latin1.GetBytes(text);
}

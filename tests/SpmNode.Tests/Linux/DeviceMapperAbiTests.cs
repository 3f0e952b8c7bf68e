using System.Buffers.Binary;
using System.Text;
using OvirtSpm.Node.Activation.Mapped;
using OvirtSpm.Node.Linux;
using Message = OvirtSpm.Node.Linux.DeviceMapperMessage;

namespace OvirtSpm.Node.Tests.Linux;

public class DeviceMapperAbiTests
{
    const string Source = """
        #include <stdio.h>
        #include <stddef.h>
        #include <sys/sysmacros.h>
        #include <sys/ioctl.h>
        #include <linux/dm-ioctl.h>
        #define SAY(name, value) printf("%s %llu\n", name, (unsigned long long)(value))
        int main(void) {
            SAY("ioctl.size", sizeof(struct dm_ioctl)); SAY("ioctl.data_size", offsetof(struct dm_ioctl, data_size));
            SAY("ioctl.start", offsetof(struct dm_ioctl, data_start)); SAY("ioctl.count", offsetof(struct dm_ioctl, target_count));
            SAY("ioctl.open", offsetof(struct dm_ioctl, open_count)); SAY("ioctl.flags", offsetof(struct dm_ioctl, flags));
            SAY("ioctl.event", offsetof(struct dm_ioctl, event_nr)); SAY("ioctl.device", offsetof(struct dm_ioctl, dev));
            SAY("ioctl.name", offsetof(struct dm_ioctl, name)); SAY("ioctl.uuid", offsetof(struct dm_ioctl, uuid));
            SAY("name.size", DM_NAME_LEN); SAY("uuid.size", DM_UUID_LEN); SAY("type.size", DM_MAX_TYPE_NAME);
            SAY("target.size", sizeof(struct dm_target_spec)); SAY("target.length", offsetof(struct dm_target_spec, length));
            SAY("target.next", offsetof(struct dm_target_spec, next)); SAY("target.type", offsetof(struct dm_target_spec, target_type));
            SAY("list.next", offsetof(struct dm_name_list, next)); SAY("list.name", offsetof(struct dm_name_list, name));
            SAY("list.uuid", DM_NAME_LIST_FLAG_HAS_UUID); SAY("list.no-uuid", DM_NAME_LIST_FLAG_DOESNT_HAVE_UUID);
            SAY("flag.readonly", DM_READONLY_FLAG); SAY("flag.suspend", DM_SUSPEND_FLAG); SAY("flag.table", DM_STATUS_TABLE_FLAG);
            SAY("flag.active", DM_ACTIVE_PRESENT_FLAG); SAY("flag.inactive", DM_INACTIVE_PRESENT_FLAG); SAY("flag.full", DM_BUFFER_FULL_FLAG);
            SAY("flag.lockfs", DM_SKIP_LOCKFS_FLAG); SAY("flag.deferred", DM_DEFERRED_REMOVE); SAY("flag.noflush", DM_NOFLUSH_FLAG);
            SAY("call.base", DM_VERSION); SAY("call.list", DM_LIST_DEVICES - DM_VERSION); SAY("call.create", DM_DEV_CREATE - DM_VERSION);
            SAY("call.remove", DM_DEV_REMOVE - DM_VERSION); SAY("call.suspend", DM_DEV_SUSPEND - DM_VERSION);
            SAY("call.load", DM_TABLE_LOAD - DM_VERSION); SAY("call.status", DM_TABLE_STATUS - DM_VERSION);
            return 0;
        }
        """;

    [Fact]
    public void Messages_are_laid_out_as_the_kernels_header_says()
    {
        using var scratch = new ScratchFile(0);
        var theirs = Tool.Run(Tool.Compile(scratch, "dm", Source)).TrimEnd().Split('\n').Order(StringComparer.Ordinal);
        var ours = new Dictionary<string, ulong>
        {
            ["ioctl.size"] = Message.HeaderBytes, ["ioctl.data_size"] = Message.SizeAt, ["ioctl.start"] = Message.StartAt, ["ioctl.count"] = Message.CountAt,
            ["ioctl.open"] = Message.OpenAt, ["ioctl.flags"] = Message.FlagsAt, ["ioctl.event"] = Message.EventAt, ["ioctl.device"] = Message.DeviceAt,
            ["ioctl.name"] = Message.NameAt, ["ioctl.uuid"] = Message.UuidAt,
            ["name.size"] = Message.NameBytes, ["uuid.size"] = Message.UuidBytes, ["type.size"] = Message.TypeBytes,
            ["target.size"] = Message.TargetBytes, ["target.length"] = Message.TargetLengthAt, ["target.next"] = Message.TargetNextAt, ["target.type"] = Message.TargetTypeAt,
            ["list.next"] = Message.ListNextAt, ["list.name"] = Message.ListNameAt,
            ["list.uuid"] = Message.ListHasUuid, ["list.no-uuid"] = Message.ListHasNoUuid,
            ["flag.readonly"] = Message.ReadOnly, ["flag.suspend"] = Message.Suspended, ["flag.table"] = Message.StatusTable,
            ["flag.active"] = Message.ActivePresent, ["flag.inactive"] = Message.InactivePresent, ["flag.full"] = Message.BufferFull,
            ["flag.lockfs"] = Message.SkipLockFs, ["flag.deferred"] = Message.DeferredRemove, ["flag.noflush"] = Message.NoFlush,
            ["call.base"] = Libc.DM_IOCTL, ["call.list"] = DeviceMapper.ListDevices, ["call.create"] = DeviceMapper.DevCreate,
            ["call.remove"] = DeviceMapper.DevRemove, ["call.suspend"] = DeviceMapper.DevSuspend,
            ["call.load"] = DeviceMapper.TableLoad, ["call.status"] = DeviceMapper.TableStatus,
        };
        Assert.Equal(theirs, ours.Select(pair => $"{pair.Key} {pair.Value}").Order(StringComparer.Ordinal));
    }

    [Fact]
    public void A_table_that_is_loaded_is_read_back_from_the_message()
    {
        MapTarget[] table = [new(0, 8, "linear", "8:0 2048"), new(8, 65536, "linear", "253:12 1"), new(65544, 1, "error", "")];
        var message = Message.Build("", "LVM-x", Message.ReadOnly, 0, table, 0);
        Assert.Equal(0, message.Length % 8);
        // What is loaded counts from each target, what is read from the first: a table of one says the same in both.
        foreach (var target in table)
        {
            Assert.Equal([target], Message.Targets(Message.Build("", "", 0, 0, [target], 0)));
        }
        var state = Message.State(message, table);
        Assert.Equal(("LVM-x", true, false), (state.Uuid, state.ReadOnly, state.HasLive));
    }

    /// The bytes of an answer of kernel 6.1, and what older kernels put behind a name.
    [Fact]
    public void Names_come_with_their_uuids_where_the_kernel_says_them()
    {
        var message = Message.Build("", "", 0, 0, [], 512);
        var at = Message.HeaderBytes;
        void Entry(string name, uint? flags, string uuid, bool last = false)
        {
            var behind = (Message.ListNameAt + name.Length + 1 + 7) & ~7;
            var length = flags is null ? behind : (behind + Message.ListUuidAt + uuid.Length + 1 + 7) & ~7;
            var entry = message.AsSpan(at, length);
            BinaryPrimitives.WriteUInt64LittleEndian(entry, 0xfd00);
            BinaryPrimitives.WriteInt32LittleEndian(entry[Message.ListNextAt..], last ? 0 : length);
            Encoding.ASCII.GetBytes(name, entry[Message.ListNameAt..]);
            if (flags is { } said)
            {
                BinaryPrimitives.WriteUInt32LittleEndian(entry[behind..], 7);
                BinaryPrimitives.WriteUInt32LittleEndian(entry[(behind + Message.ListFlagsAt)..], said);
                Encoding.ASCII.GetBytes(uuid, entry[(behind + Message.ListUuidAt)..]);
            }
            at += length;
        }
        Assert.Empty(Message.Names(message));
        Entry("vg-lv", Message.ListHasUuid, "LVM-abc");
        Entry("plain", Message.ListHasNoUuid, "");
        Entry("4.13", 0, "");
        Entry("2.6-elder", null, "");
        Entry("last", Message.ListHasUuid, "LVM-z-spmhold1", last: true);
        Assert.Equal([("vg-lv", "LVM-abc"), ("plain", ""), ("4.13", null), ("2.6-elder", null), ("last", "LVM-z-spmhold1")], Message.Names(message));
    }

    [Fact]
    public void A_name_that_does_not_fit_is_refused_not_cut()
    {
        _ = Message.Build(new string('n', 127), "", 0, 0, [], 0);
        Assert.Throws<IOException>(() => Message.Build(new string('n', 128), "", 0, 0, [], 0));
    }

    [Theory]
    [InlineData(0xfd00ul, 253, 0)]
    [InlineData(0x10fdfful, 253, 511)]
    [InlineData(0x811ul, 8, 17)]
    public void Device_numbers_are_taken_apart_as_the_kernel_puts_them_together(ulong number, uint major, uint minor) =>
        Assert.Equal((major, minor), (Message.MajorOf(number), Message.MinorOf(number)));
}

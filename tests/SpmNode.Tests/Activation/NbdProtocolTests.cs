using System.Buffers.Binary;
using System.Text;
using OvirtSpm.Node.Activation;
using OvirtSpm.Node.Activation.Nbd;

namespace OvirtSpm.Node.Tests.Activation;

public sealed class NbdProtocolTests : IAsyncDisposable
{
    const int KiB = 1024;
    const uint Ack = 1, Unsupported = 0x80000001, Invalid = 0x80000003, Unknown = 0x80000006, BlockSizeRequired = 0x80000008, TooBig = 0x80000009;
    const ushort Read = 0, Write = 1, Disc = 2, Flush = 3, Trim = 4, Cache = 5, Zero = 6, Status = 7;

    readonly string directory = Directory.CreateTempSubdirectory("spm-nbd-").FullName;
    readonly ScriptedGrowth spm = new();
    readonly List<NbdServer> servers = [];
    MemoryDevice device = new(1024 * KiB);

    string SocketPath => Path.Combine(directory, "v.sock");

    public async ValueTask DisposeAsync()
    {
        foreach (var server in servers)
        {
            await server.DisposeAsync();
        }

        Directory.Delete(directory, recursive: true);
    }

    [Fact]
    public async Task A_client_learns_size_flags_and_block_sizes()
    {
        Serve();
        using var client = new NbdClient(SocketPath);
        Assert.Equal(3, await client.HelloAsync());
        var replies = await client.OptionAsync(7, NbdClient.Go("disk", 1, 3));
        var export = replies.Single(reply => reply.Type == 3 && reply.Data[1] == 0).Data;
        Assert.Equal(512 * KiB, BinaryPrimitives.ReadInt64BigEndian(export.AsSpan(2)));
        // Has flags, flush, FUA, trim, write zeroes, multi-conn, fast zero; DF only with structured replies.
        Assert.Equal(1 + 4 + 8 + 32 + 64 + 256 + 2048, BinaryPrimitives.ReadUInt16BigEndian(export.AsSpan(10)));
        Assert.Equal("disk", Encoding.ASCII.GetString(replies.Single(reply => reply.Type == 3 && reply.Data[1] == 1).Data, 2, 4));
        var sizes = replies.Single(reply => reply.Type == 3 && reply.Data[1] == 3).Data;
        Assert.Equal([512u, 65536u, 32u << 20], Enumerable.Range(0, 3).Select(i => BinaryPrimitives.ReadUInt32BigEndian(sizes.AsSpan(2 + 4 * i))));
        Assert.Equal(Ack, replies[^1].Type);
    }

    [Fact]
    public async Task Options_that_cannot_be_answered_get_an_error_and_the_client_goes_on()
    {
        Serve();
        using var client = new NbdClient(SocketPath);
        await client.HelloAsync();
        Assert.Equal(Unsupported, (await client.OptionAsync(5)).Single().Type);
        Assert.Equal(Unsupported, (await client.OptionAsync(11)).Single().Type);
        Assert.Equal(Unsupported, (await client.OptionAsync(4711, 1, 2, 3)).Single().Type);
        Assert.Equal(Unknown, (await client.OptionAsync(7, NbdClient.Go("other"))).Single().Type);
        Assert.Equal(Invalid, (await client.OptionAsync(7, 1, 2, 3)).Single().Type);
        Assert.Equal(Invalid, (await client.OptionAsync(7, [.. NbdClient.Go("disk"), 0])).Single().Type);
        Assert.Equal(Invalid, (await client.OptionAsync(7, [0xFF, 0xFF, 0xFF, 0xFF, 0, 0])).Single().Type);
        Assert.Equal(Invalid, (await client.OptionAsync(8, 1)).Single().Type);
        Assert.Equal(Invalid, (await client.OptionAsync(3, 1)).Single().Type);
        Assert.Equal(TooBig, (await client.OptionAsync(9, new byte[100_000])).Single().Type);
        Assert.Equal(Invalid, (await client.OptionAsync(10, [.. NbdClient.Text(""), .. NbdClient.Number(1), .. NbdClient.Text("base:allocation")])).Single().Type);
        var list = await client.OptionAsync(3);
        Assert.Equal([.. NbdClient.Number(4), .. "disk"u8], list[0].Data);
        Assert.Equal(Ack, (await client.OptionAsync(6, NbdClient.Go("")))[^1].Type);
        Assert.Equal(Ack, (await client.OptionAsync(7, NbdClient.Go("")))[^1].Type);
    }

    [Fact]
    public async Task Contexts_are_listed_and_selected()
    {
        Serve();
        using var client = new NbdClient(SocketPath);
        await client.HelloAsync();
        await client.OptionAsync(8);
        byte[] Query(params string[] queries) => [.. NbdClient.Text("disk"), .. NbdClient.Number((uint)queries.Length), .. queries.SelectMany(NbdClient.Text)];
        Assert.Equal([4u, Ack], (await client.OptionAsync(9, Query())).Select(reply => reply.Type));
        Assert.Equal([4u, Ack], (await client.OptionAsync(9, Query("base:"))).Select(reply => reply.Type));
        Assert.Equal([Ack], (await client.OptionAsync(9, Query("qemu:"))).Select(reply => reply.Type));
        Assert.Equal([4u, Ack], (await client.OptionAsync(10, Query("qemu:x", "base:allocation"))).Select(reply => reply.Type));
        Assert.Equal([Ack], (await client.OptionAsync(10, Query("qemu:x"))).Select(reply => reply.Type));
        await client.OptionAsync(7, NbdClient.Go("disk"));
        await client.RequestAsync(Status, 1, 0, 512);
        Assert.Equal(22u, BinaryPrimitives.ReadUInt32BigEndian((await client.ChunkAsync()).Payload));
    }

    [Fact]
    public async Task The_old_way_in_works_and_abort_says_goodbye()
    {
        Serve();
        using (var client = new NbdClient(SocketPath))
        {
            await client.HelloAsync(flags: 1);
            await client.SendAsync([.. "IHAVEOPT"u8, .. NbdClient.Number(1), .. NbdClient.Text("disk")]);
            Assert.Equal(512 * KiB, BinaryPrimitives.ReadInt64BigEndian(await client.TakeAsync(134)));
            await client.RequestAsync(Flush, 5, 0, 0);
            Assert.Equal((0u, 5ul), await client.SimpleReplyAsync());
        }

        using var polite = new NbdClient(SocketPath);
        await polite.HelloAsync();
        Assert.Equal(Ack, (await polite.OptionAsync(2)).Single().Type);
        Assert.True(await polite.IsClosedAsync());
    }

    [Fact]
    public async Task A_client_that_does_not_know_large_sectors_is_told_to_ask()
    {
        device = new(1024 * KiB, sectorSize: 4096);
        Serve(sectorSize: 4096);
        using var client = new NbdClient(SocketPath);
        await client.HelloAsync();
        Assert.Equal(BlockSizeRequired, (await client.OptionAsync(7, NbdClient.Go("disk")))[^1].Type);
        Assert.Equal(Ack, (await client.OptionAsync(7, NbdClient.Go("disk", 3)))[^1].Type);
        await client.RequestAsync(Write, 1, 512, 512, data: new byte[512]);
        Assert.Equal((22u, 1ul), await client.SimpleReplyAsync());
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task What_is_written_is_read(bool structured)
    {
        Serve();
        using var client = new NbdClient(SocketPath);
        await client.EnterAsync(structured);
        foreach (var length in new[] { 512, 64 * KiB })
        {
            var data = new byte[length];
            Random.Shared.NextBytes(data);
            await client.RequestAsync(Write, 7, 1024, (uint)length, flags: 1, data);
            Assert.Equal((0u, 7ul), await client.SimpleReplyAsync());
            await client.RequestAsync(Read, 8, 1024, (uint)length);
            if (structured)
            {
                var chunk = await client.ChunkAsync();
                Assert.Equal((1, 1, 8ul), (chunk.Flags, chunk.Type, chunk.Cookie));
                Assert.Equal([.. NbdClient.Long(1024), .. data], chunk.Payload);
            }
            else
            {
                Assert.Equal((0u, 8ul), await client.SimpleReplyAsync());
                Assert.Equal(data, await client.TakeAsync(length));
            }
        }

        Assert.StartsWith("durable", device.Calls[0]);
    }

    [Fact]
    public async Task Bad_requests_are_answered_and_the_next_one_works()
    {
        Serve();
        using var client = new NbdClient(SocketPath);
        await client.EnterAsync(structured: false);
        (ushort Command, ulong Offset, uint Length, ushort Flags, uint Error)[] cases =
        [
            (Write, 1, 512, 0, 22), (Write, 0, 100, 0, 22), (Write, 0, 0, 0, 22), (Write, 512 * KiB, 512, 0, 28),
            (Write, ulong.MaxValue - 511, 512, 0, 28), (Write, 0, 512, 16, 22), (Write, 0, (32 << 20) + 512, 0, 22),
            (Read, 1, 512, 0, 22), (Read, 512 * KiB, 512, 0, 22), (Read, 0, (32 << 20) + 512, 0, 22), (Read, 0, 512, 4, 22),
            (Read, 1ul << 63, 512, 0, 22), (Zero, 512 * KiB, 512, 0, 28), (Zero, 0, 512, 0x8000, 22), (Trim, 512 * KiB, 512, 0, 22),
            (Status, 0, 512, 0, 22), (Cache, 0, 512, 0, 22), (99, 0, 0, 0, 22),
        ];
        for (var i = 0; i < cases.Length; i++)
        {
            var (command, offset, length, flags, error) = cases[i];
            await client.RequestAsync(command, (ulong)i, offset, length, flags, command == Write ? new byte[length] : null);
            Assert.Equal((error, (ulong)i), await client.SimpleReplyAsync());
        }

        Assert.Empty(device.Calls);
        await client.RequestAsync(Zero, 42, 0, 4096);
        Assert.Equal((0u, 42ul), await client.SimpleReplyAsync());
    }

    [Fact]
    public async Task Block_status_tells_data_from_the_hole_behind_the_end()
    {
        Serve();
        using var client = new NbdClient(SocketPath);
        await client.EnterAsync();
        await client.RequestAsync(Status, 3, 0, 512 * KiB);
        var chunk = await client.ChunkAsync();
        Assert.Equal(5, chunk.Type);
        Assert.Equal([1u, 128 * KiB, 0u, 384 * KiB, 3u], Enumerable.Range(0, 5).Select(i => BinaryPrimitives.ReadUInt32BigEndian(chunk.Payload.AsSpan(4 * i))));
        await client.RequestAsync(Status, 4, 0, 512 * KiB, flags: 8);
        Assert.Equal(12, (await client.ChunkAsync()).Payload.Length);
        await client.RequestAsync(Status, 5, 0, 100);
        Assert.Equal(0x8001, (await client.ChunkAsync()).Type);
    }

    [Fact]
    public async Task A_read_only_export_says_so_and_refuses()
    {
        Serve(readOnly: true);
        using var client = new NbdClient(SocketPath);
        await client.HelloAsync();
        var export = (await client.OptionAsync(7, NbdClient.Go("disk")))[0].Data;
        Assert.Equal(1 + 2 + 4 + 8 + 256, BinaryPrimitives.ReadUInt16BigEndian(export.AsSpan(10)));
        foreach (var command in new[] { Write, Zero, Trim })
        {
            await client.RequestAsync(command, command, 0, 512, data: command == Write ? new byte[512] : null);
            Assert.Equal((1u, (ulong)command), await client.SimpleReplyAsync());
        }
    }

    [Fact]
    public async Task Reads_and_flushes_overtake_sixteen_held_writes()
    {
        var export = Serve();
        using var client = new NbdClient(SocketPath);
        await client.EnterAsync(structured: false);
        for (var i = 0u; i < 16; i++)
        {
            await client.RequestAsync(Write, i, (128 + i) * KiB, KiB, data: new byte[KiB]);
        }

        await client.RequestAsync(Flush, 100, 0, 0);
        Assert.Equal((0u, 100ul), await client.SimpleReplyAsync());
        await client.RequestAsync(Read, 101, 0, 512);
        Assert.Equal((0u, 101ul), await client.SimpleReplyAsync());
        await client.TakeAsync(512);
        Assert.Equal(16, export.HeldWrites);
        export.Grow(Table(192, 2));
        var cookies = new List<ulong>();
        for (var i = 0; i < 16; i++)
        {
            var (error, cookie) = await client.SimpleReplyAsync();
            Assert.Equal(0u, error);
            cookies.Add(cookie);
        }

        Assert.Equal(Enumerable.Range(0, 16).Select(i => (ulong)i), cookies.Order());
    }

    /// The order that loses data without this: an old copy of a write lands after its repetition and what followed it.
    [Fact]
    public async Task A_client_that_reconnects_waits_for_what_its_lost_connection_left_in_the_device()
    {
        var export = Serve();
        device.Hang();
        using (var lost = new NbdClient(SocketPath))
        {
            await lost.EnterAsync(structured: false);
            await lost.RequestAsync(Write, 1, 0, 512, data: Filled(1));
            await lost.RequestAsync(Write, 2, 128 * KiB, 512, data: Filled(1));
            await AsyncWait.UntilAsync(() => device.Hanging == 1 && export.HeldWrites == 1);
        }

        using var back = new NbdClient(SocketPath);
        var entering = back.EnterAsync(structured: false);
        await AsyncWait.UntilAsync(() => export.HeldWrites == 0);
        Assert.False(entering.IsCompleted);
        device.Unhang();
        await entering;
        await back.RequestAsync(Write, 3, 0, 512, data: Filled(2));
        Assert.Equal((0u, 3ul), await back.SimpleReplyAsync());
        export.Grow(Table(192, 2));
        await back.RequestAsync(Flush, 4, 0, 0);
        await back.SimpleReplyAsync();
        Assert.Equal(2, device.Bytes[64 * KiB]);
        Assert.Equal(["write 65536 512", "write 65536 512", "flush"], device.Calls);
    }

    /// Its reader stands before a full house and does not see the end of the stream; the listener looks for it.
    [Fact]
    public async Task What_a_lost_client_sent_and_nobody_read_yet_is_not_done_after_it_came_back()
    {
        var export = Serve(options: new() { RequestsMax = 1 });
        using (var lost = new NbdClient(SocketPath))
        {
            await lost.EnterAsync(structured: false);
            await lost.RequestAsync(Write, 1, 128 * KiB, 512, data: Filled(1));
            await lost.RequestAsync(Write, 2, 0, 512, data: Filled(1));
            await AsyncWait.UntilAsync(() => export.HeldWrites == 1);
        }

        using var back = new NbdClient(SocketPath);
        await back.EnterAsync(structured: false);
        Assert.Equal(0, export.HeldWrites);
        export.Grow(Table(192, 2));
        await back.RequestAsync(Flush, 3, 0, 0);
        await back.SimpleReplyAsync();
        Assert.Equal(["flush"], device.Calls);
    }

    [Fact]
    public async Task Other_clients_change_nothing_while_a_lost_one_has_writes_in_the_device()
    {
        var export = Serve();
        using var other = new NbdClient(SocketPath);
        await other.EnterAsync(structured: false);
        device.Hang();
        using (var lost = new NbdClient(SocketPath))
        {
            await lost.EnterAsync(structured: false);
            await lost.RequestAsync(Write, 1, 0, 512, data: Filled(1));
            await AsyncWait.UntilAsync(() => device.Hanging == 1);
        }

        await AsyncWait.UntilAsync(() => servers[0].Connections == 1);
        await other.RequestAsync(Write, 2, 0, 512, data: Filled(2));
        await other.RequestAsync(Read, 3, 0, 512);
        Assert.Equal((0u, 3ul), await other.SimpleReplyAsync());
        await other.TakeAsync(512);
        Assert.Equal(1, export.OutstandingWrites);
        device.Unhang();
        Assert.Equal((0u, 2ul), await other.SimpleReplyAsync());
        Assert.Equal(2, device.Bytes[64 * KiB]);
    }

    [Fact]
    public async Task Stopping_leaves_held_writes_unanswered_and_waits_for_the_device()
    {
        var export = Serve();
        using var client = new NbdClient(SocketPath);
        await client.EnterAsync(structured: false);
        await client.RequestAsync(Write, 1, 128 * KiB, 512, data: Filled(1));
        await AsyncWait.UntilAsync(() => export.HeldWrites == 1);
        device.Hang();
        await client.RequestAsync(Write, 2, 0, 512, data: Filled(1));
        await AsyncWait.UntilAsync(() => device.Hanging == 1);
        var stopping = servers[0].StopAsync(TimeSpan.FromSeconds(20));
        await AsyncWait.UntilAsync(() => export.HeldWrites == 0);
        Assert.False(stopping.IsCompleted);
        device.Unhang();
        Assert.True(await stopping);
        Assert.Equal((0u, 2ul), await client.SimpleReplyAsync());
        Assert.True(await client.IsClosedAsync());
        Assert.False(File.Exists(SocketPath));
        Assert.Equal(["write 65536 512"], device.Calls);
    }

    [Fact]
    public async Task Only_the_owner_may_connect_and_a_living_server_is_not_replaced()
    {
        Serve();
        Assert.Equal("600", Linux.Tool.Run("stat", "-c", "%a", SocketPath).Trim());
        var refused = Assert.Throws<IOException>(() => Serve());
        Assert.Contains("Another server answers", refused.Message);
        using var client = new NbdClient(SocketPath);
        await client.EnterAsync();
    }

    [Fact]
    public async Task A_leftover_socket_is_replaced_and_a_file_is_not()
    {
        using (var dead = new System.Net.Sockets.Socket(System.Net.Sockets.AddressFamily.Unix, System.Net.Sockets.SocketType.Stream, 0))
        {
            dead.Bind(new System.Net.Sockets.UnixDomainSocketEndPoint(Path.Combine(directory, "dead")));
            File.Move(Path.Combine(directory, "dead"), SocketPath);
        }

        Assert.True(File.Exists(SocketPath));
        Serve();
        using (var client = new NbdClient(SocketPath))
        {
            await client.EnterAsync();
        }

        var file = Path.Combine(directory, "precious");
        File.WriteAllText(file, "data");
        Assert.Throws<IOException>(() => NbdServer.Start(file, Export(512, false)));
        Assert.Equal("data", File.ReadAllText(file));
        Assert.Throws<IOException>(() => NbdServer.Start(Path.Combine(directory, new string('x', 100)), Export(512, false)));
        Assert.Throws<IOException>(() => NbdServer.Start(Path.Combine(directory, "no", "where"), Export(512, false)));
    }

    [Fact]
    public async Task One_client_more_than_allowed_is_turned_away()
    {
        Serve(options: new() { ConnectionsMax = 1 });
        using var first = new NbdClient(SocketPath);
        await first.EnterAsync();
        using var second = new NbdClient(SocketPath);
        Assert.True(await second.IsClosedAsync());
    }

    [Fact]
    public async Task A_silent_client_is_dropped()
    {
        var clock = new ManualClock();
        Serve(options: new() { Clock = clock });
        using var client = new NbdClient(SocketPath);
        await client.HelloAsync();
        clock.Pass(TimeSpan.FromSeconds(31));
        Assert.True(await client.IsClosedAsync());
    }

    [Fact]
    public async Task A_client_that_lost_step_is_dropped()
    {
        Serve();
        using var client = new NbdClient(SocketPath);
        await client.EnterAsync();
        await client.SendAsync(new byte[28]);
        Assert.True(await client.IsClosedAsync());
        using var polite = new NbdClient(SocketPath);
        await polite.EnterAsync();
        await polite.RequestAsync(Disc, 0, 0, 0);
        Assert.True(await polite.IsClosedAsync());
    }

    /// One reply fills the socket, the others wait for their turn to write; then the client is killed. A request that never ended
    /// would count as left in the device, and no client could ever enter again.
    [Fact]
    public async Task A_client_killed_before_it_took_its_replies_does_not_lock_out_the_next_one()
    {
        Serve();
        for (var life = 0; life < 20; life++)
        {
            using var client = new NbdClient(SocketPath);
            await client.EnterAsync();
            for (var cookie = 0ul; cookie < 16; cookie++)
            {
                await client.RequestAsync(Read, cookie, 0, 128 * KiB);
            }

            await Task.Delay(20);
        }

        using var next = new NbdClient(SocketPath);
        await next.EnterAsync();
        await next.RequestAsync(Write, 1, 0, 512, data: new byte[512]);
        Assert.Equal((0u, 1ul), await next.SimpleReplyAsync());
    }

    VolumeExport Serve(int sectorSize = 512, bool readOnly = false, NbdServerOptions? options = null)
    {
        var export = Export(sectorSize, readOnly);
        servers.Add(NbdServer.Start(SocketPath, export, options));
        return export;
    }

    VolumeExport Export(int sectorSize, bool readOnly) =>
        new(new("disk", 512 * KiB) { ReadOnly = readOnly }, Table(128, 1), sectorSize, spm, TimeProvider.System);

    SegmentTable Table(int kib, ulong seqno) => new([new(device, 64 * KiB, kib * KiB)], 1, seqno);

    static byte[] Filled(byte value)
    {
        var bytes = new byte[512];
        Array.Fill(bytes, value);
        return bytes;
    }
}

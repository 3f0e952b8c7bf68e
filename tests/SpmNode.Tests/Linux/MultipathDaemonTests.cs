using System.Net.Sockets;
using OvirtSpm.Node.Linux;
using OvirtSpm.Node.Storage.Paths;

namespace OvirtSpm.Node.Tests.Linux;

public sealed class MultipathDaemonTests : IDisposable
{
    readonly string path = Path.Combine(Path.GetTempPath(), $"mpd-{Guid.NewGuid():n}");

    public void Dispose() => File.Delete(path);

    [Fact]
    public async Task Both_questions_are_asked_as_multipathd_expects_them()
    {
        using var daemon = Listen();
        var asked = new List<string>();
        var serving = Task.Run(async () =>
        {
            foreach (var answer in new[] { """{"maps":[{"name":"lun","queueing":"4 chk"}]}""", "defaults {\n\tpolling_interval 5\n}\n" })
            {
                using var stream = new NetworkStream(await daemon.AcceptAsync(), ownsSocket: true);
                var header = new byte[8];
                await stream.ReadExactlyAsync(header);
                var command = new byte[BitConverter.ToUInt64(header)];
                await stream.ReadExactlyAsync(command);
                asked.Add(System.Text.Encoding.ASCII.GetString(command));
                byte[] text = [.. System.Text.Encoding.ASCII.GetBytes(answer), 0];
                await stream.WriteAsync((byte[])[.. BitConverter.GetBytes((ulong)text.Length), .. text]);
            }
        }, TestContext.Current.CancellationToken);
        Assert.Equal(new QueueLimit.For(TimeSpan.FromSeconds(20)), await AskAsync());
        await serving;
        Assert.Equal(["show maps json\0", "show config local\0"], asked);
    }

    [Fact]
    public async Task One_that_is_not_there_or_answers_nonsense_is_no_failure()
    {
        Assert.IsType<QueueLimit.Unknown>(await AskAsync());
        using var daemon = Listen();
        var serving = Task.Run(async () =>
        {
            using var stream = new NetworkStream(await daemon.AcceptAsync(), ownsSocket: true);
            await stream.WriteAsync(BitConverter.GetBytes(ulong.MaxValue));
        }, TestContext.Current.CancellationToken);
        Assert.Contains("an answer of", Assert.IsType<QueueLimit.Unknown>(await AskAsync()).Why);
        await serving;
    }

    Task<QueueLimit> AskAsync() => new MultipathDaemon(TimeProvider.System, path).QueueLimitAsync("lun", TestContext.Current.CancellationToken);

    Socket Listen()
    {
        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        socket.Bind(new UnixDomainSocketEndPoint(path));
        socket.Listen();
        return socket;
    }
}

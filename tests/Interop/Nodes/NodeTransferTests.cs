using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using OvirtSpm.Interop.Demo;
using OvirtSpm.Interop.Nbd;
using OvirtSpm.Node.Api;

namespace OvirtSpm.Interop.Nodes;

/// <summary>Disks sent to an SPM and read from it over HTTP; QEMU says whether they are the same.</summary>
public sealed class NodeTransferTests
{
    const int Mib = 1 << 20;
    const long Size = 600L * Mib;

    /// <summary>Where the disk has data: more than the first extents of a thin volume hold, so that it grows while it comes.</summary>
    static readonly (long Offset, int Length)[] data = [(0, 2 * Mib), (100L * Mib, 150 * Mib), (Size - Mib, Mib)];

    [Theory]
    [InlineData("cow")]
    [InlineData("raw")]
    public async Task An_uploaded_disk_is_what_was_sent_and_is_downloaded_as_that(string format)
    {
        DemoTools.Need("qemu-img", "qemu-io", "qemu-storage-daemon");
        await using var cluster = await NodeCluster.CreateAsync();
        var spm = await cluster.StartAsync(1);
        await NodeCluster.LeaderAsync([spm], TimeSpan.FromSeconds(60));
        var free = (await spm.Client.StatusAsync()).FreeBytes;
        using var http = new HttpClient { BaseAddress = new Uri(spm.Url), Timeout = TimeSpan.FromMinutes(5) };
        var sent = cluster.Run.At("sent");
        await WriteAsync(sent);

        // One that is cancelled half-way leaves nothing.
        var lost = await BeginAsync(http, format);
        await PutAsync(http, lost, sent, data[0]);
        Assert.Equal("initializing", Assert.Single(await spm.Client.ListVolumesAsync()).State);
        Assert.Equal(HttpStatusCode.OK, (await http.DeleteAsync($"v1/transfers/{lost.Transfer}", Stop)).StatusCode);
        Assert.Equal("cancelled", (await spm.Client.TaskAsync(lost.Transfer, TimeSpan.FromSeconds(20))).State);
        Assert.Empty(await spm.Client.ListVolumesAsync());
        Assert.Equal(1, (await cluster.SpmAsync("task", "wait", lost.Transfer, "--url", spm.Url)).ExitCode);
        Assert.Equal(free, (await spm.Client.StatusAsync()).FreeBytes);

        var upload = await BeginAsync(http, format);
        foreach (var piece in data.Reverse())
        {
            await PutAsync(http, upload, sent, piece);
        }
        Assert.Equal(HttpStatusCode.Conflict, (await http.PostAsync($"v1/transfers/{upload.Transfer}/finish", null, Stop)).StatusCode);
        Assert.Equal("initializing", Assert.Single(await spm.Client.ListVolumesAsync()).State);
        var status = await http.GetFromJsonAsync<TransferReply>($"v1/transfers/{upload.Transfer}", Stop);
        foreach (var gap in status!.Missing)
        {
            using var zero = await http.PatchAsync($"v1/transfers/{upload.Transfer}/content", JsonContent.Create<UploadChange>(new UploadChange.Zero(gap.Start, gap.Length)), Stop);
            Assert.Equal(HttpStatusCode.OK, zero.StatusCode);
        }
        using var finished = await http.PostAsync($"v1/transfers/{upload.Transfer}/finish", null, Stop);
        var volume = await finished.Content.ReadFromJsonAsync<VolumeReply>(Stop);
        Assert.Equal(("ready", format), (volume!.State, volume.Format));
        Assert.InRange(volume.AllocatedBytes, 256L * Mib, format == "cow" ? 512L * Mib : 640L * Mib);

        // As of one moment: not while somebody writes it.
        await spm.Client.ActivateAsync(volume.Volume, readOnly: false);
        using (var written = await http.PostAsync($"v1/volumes/{volume.Volume}/downloads", null, Stop))
        {
            Assert.Equal(HttpStatusCode.Conflict, written.StatusCode);
        }
        await spm.Client.DeactivateAsync(volume.Volume);

        var download = await (await http.PostAsync($"v1/volumes/{volume.Volume}/downloads", null, Stop)).Content.ReadFromJsonAsync<TransferReply>(Stop);
        var received = cluster.Run.At("received");
        await ReceiveAsync(http, download!, received, skipZeros: format == "cow");
        Assert.Equal(HttpStatusCode.OK, (await http.PostAsync($"v1/transfers/{download!.Transfer}/finish", null, Stop)).StatusCode);
        Assert.Contains("identical", await NbdTool.RunAsync("qemu-img", "compare", "-f", "raw", "-F", "raw", sent, received), StringComparison.Ordinal);
        // The same with our own program, from a file of another format, and out again.
        if (format == "cow")
        {
            var other = cluster.Run.At("other.vmdk");
            await NbdTool.RunAsync("qemu-img", "convert", "-f", "raw", "-O", "vmdk", sent, other);
            var import = await cluster.SpmAsync("volume", "import", other, "--format", "vmdk", "--as", format, "--alias", "again", "--url", spm.Url, "--json");
            Assert.True(import.ExitCode == 0, import.Errors);
            var back = cluster.Run.At("back.vhd");
            var remote = await cluster.SpmAsync("volume", "export", "again", back, "--format", "vpc", "--url", spm.Url);
            Assert.True(remote.ExitCode == 0, remote.Errors);
            Assert.Contains("identical", await NbdTool.RunAsync("qemu-img", "compare", "-f", "raw", "-F", "vpc", sent, back), StringComparison.Ordinal);
            Assert.Empty(Directory.GetFileSystemEntries(Path.GetDirectoryName(back)!, "*.part*"));
            var measured = await spm.Client.MeasureAsync("again");
            Assert.True(measured.VirtualSizeBytes >= Size && measured.CowBytes >= 153L * Mib, $"{measured}");
        }
        // And QEMU, opening the volume as a guest's disk, finds nothing to complain about.
        var exported = cluster.Run.At("exported");
        await spm.EndAsync(TimeSpan.FromSeconds(60));
        var export = await cluster.SpmAsync("volume", "export", volume.Volume, exported, "--format", "qcow2", "--lun", cluster.Lun);
        Assert.True(export.ExitCode == 0, export.Errors);
        Assert.Contains("identical", await NbdTool.RunAsync("qemu-img", "compare", "-f", "raw", "-F", "qcow2", sent, exported), StringComparison.Ordinal);
        var check = await cluster.SpmAsync("domain", "check", "--lun", cluster.Lun);
        Assert.True(check.ExitCode == 0, check.Output + check.Errors);
    }

    static CancellationToken Stop => TestContext.Current.CancellationToken;

    static async Task<TransferReply> BeginAsync(HttpClient http, string format)
    {
        using var begun = await http.PostAsJsonAsync(
            "v1/uploads", new UploadRequest(Size, new CreateVolumeRequest($"{Guid.NewGuid()}", null, 0, format, "sent", false)), Stop);
        Assert.True(begun.StatusCode == HttpStatusCode.Created, await begun.Content.ReadAsStringAsync(Stop));
        return (await begun.Content.ReadFromJsonAsync<TransferReply>(Stop))!;
    }

    static async Task PutAsync(HttpClient http, TransferReply transfer, string file, (long Offset, int Length) piece)
    {
        using var source = File.OpenHandle(file);
        var bytes = new byte[piece.Length];
        Assert.Equal(bytes.Length, RandomAccess.Read(source, bytes, piece.Offset));
        using var body = new ByteArrayContent(bytes);
        body.Headers.ContentRange = new ContentRangeHeaderValue(piece.Offset, piece.Offset + piece.Length - 1);
        using var put = await http.PutAsync($"v1/transfers/{transfer.Transfer}/content", body, Stop);
        Assert.True(put.IsSuccessStatusCode, await put.Content.ReadAsStringAsync(Stop));
    }

    static async Task ReceiveAsync(HttpClient http, TransferReply transfer, string path, bool skipZeros)
    {
        var extents = (await http.GetFromJsonAsync<ExtentReply[]>($"v1/transfers/{transfer.Transfer}/extents", Stop))!;
        Assert.Equal(transfer.SizeBytes, extents.Sum(extent => extent.Length));
        // A thin image knows its holes.
        Assert.Equal(skipZeros, extents.Any(extent => extent.Zero && extent.Length >= 64 * Mib));
        await using var file = File.Create(path);
        file.SetLength(transfer.SizeBytes);
        foreach (var extent in extents.Where(extent => !extent.Zero))
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, $"v1/transfers/{transfer.Transfer}/content");
            request.Headers.Range = new RangeHeaderValue(extent.Start, extent.Start + extent.Length - 1);
            using var response = await http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, Stop);
            Assert.Equal(HttpStatusCode.PartialContent, response.StatusCode);
            file.Position = extent.Start;
            await response.Content.CopyToAsync(file, Stop);
            Assert.Equal(extent.Start + extent.Length, file.Position);
        }
    }

    static async Task WriteAsync(string path)
    {
        await using var file = File.Create(path);
        file.SetLength(Size);
        foreach (var (offset, length) in data)
        {
            var bytes = new byte[length];
            new Random(length).NextBytes(bytes);
            file.Position = offset;
            await file.WriteAsync(bytes, Stop);
        }
    }
}

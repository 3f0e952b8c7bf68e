using System.Buffers;
using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Net.Http.Headers;
using OvirtSpm.Node.Pool.Images;

namespace OvirtSpm.Node.Api;

/// <summary>Disks over HTTP, in the shape of oVirt's imageio: PUT with Content-Range, PATCH for zeros, GET with Range, <c>extents</c>.</summary>
/// <remarks>Always the disk itself, never an image file: what a client sends can then not name a backing file, and needs no check afterwards.</remarks>
static class TransferRoutes
{
    const int PieceBytes = 1 << 20;

    public static void Map(WebApplication app, INodeVerbs node)
    {
        app.MapPost("/v1/uploads", (UploadRequest request, HttpRequest http) =>
            ApiServer.AtLeaderAsync(node, http, () => node.Transfers.BeginUploadAsync(request), Created));
        app.MapPost("/v1/volumes/{reference}/downloads", (string reference, string? request, HttpRequest http) =>
            ApiServer.AtLeaderAsync(node, http, () => node.Transfers.BeginDownloadAsync(reference, request), Created));
        app.MapGet("/v1/volumes/{reference}/measure", (string reference, HttpRequest http) =>
            ApiServer.AtLeaderAsync(node, http, () => node.Transfers.MeasureAsync(reference, http.HttpContext.RequestAborted)));
        app.MapGet("/v1/transfers/{transfer}", (string transfer, HttpRequest http) =>
            ApiServer.AtLeaderAsync(node, http, () => Task.FromResult(node.Transfers.Get(transfer))));
        app.MapPost("/v1/transfers/{transfer}/finish", (string transfer, HttpRequest http) =>
            ApiServer.AtLeaderAsync(node, http, () => node.Transfers.FinishAsync(transfer)));
        app.MapDelete("/v1/transfers/{transfer}", (string transfer, HttpRequest http) =>
            ApiServer.AtLeaderAsync(node, http, () => Task.FromResult(node.Tasks.Cancel(transfer))));
        app.MapGet("/v1/transfers/{transfer}/extents", (string transfer, HttpRequest http) => ApiServer.AtLeaderAsync(
            node, http, async () => (await node.Transfers.Download(transfer).RunsAsync(http.HttpContext.RequestAborted)).Select(run => new ExtentReply(run.Start, run.Length, run.Zero))));
        app.MapPatch("/v1/transfers/{transfer}/content", (string transfer, UploadChange change, HttpRequest http) =>
            ApiServer.AtLeaderAsync(node, http, () => ChangeAsync(node.Transfers, transfer, change, http.HttpContext.RequestAborted)));
        app.MapPut("/v1/transfers/{transfer}/content", (string transfer, HttpRequest http) =>
            ApiServer.AtLeaderAsync(node, http, () => PutAsync(node.Transfers, transfer, http)));
        app.MapMethods("/v1/transfers/{transfer}/content", ["GET", "HEAD"], (string transfer, HttpContext http) => ApiServer.AtLeaderAsync(
            node, http.Request, () => SendAsync(node.Transfers.Download(transfer), http), _ => Results.Empty));
        MoveRoutes.Map(app, node);
    }

    static IResult Created(TransferReply reply) => Results.Created($"/v1/transfers/{reply.Transfer}", reply);

    static async Task<TransferReply> ChangeAsync(IDiskTransfers transfers, string transfer, UploadChange change, CancellationToken gone)
    {
        var upload = transfers.Upload(transfer);
        if (change is UploadChange.Zero zero)
        {
            await upload.ZeroAsync(zero.Offset, zero.Size, gone);
        }
        if (change is UploadChange.FlushAll or UploadChange.Zero { Flush: true })
        {
            await upload.FlushAsync(gone);
        }
        return transfers.Get(transfer);
    }

    /// <summary>What arrived before the sender went away has come; the rest can be sent in another request.</summary>
    static async Task<TransferReply> PutAsync(IDiskTransfers transfers, string transfer, HttpRequest http)
    {
        var upload = transfers.Upload(transfer);
        var (offset, length) = Range(http, upload.SizeBytes);
        upload.Check(offset, length);
        if (http.HttpContext.Features.Get<IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false } limit)
        {
            limit.MaxRequestBodySize = length;
        }
        var buffer = ArrayPool<byte>.Shared.Rent(PieceBytes);
        try
        {
            for (var done = 0L; done < length;)
            {
                var piece = buffer.AsMemory(0, (int)Math.Min(PieceBytes, length - done));
                var came = await http.Body.ReadAtLeastAsync(piece, piece.Length, throwOnEndOfStream: false, http.HttpContext.RequestAborted);
                await upload.WriteAsync(offset + done, piece[..came], http.HttpContext.RequestAborted);
                done += came;
                if (came < piece.Length)
                {
                    throw Refusal.Invalid($"the body ended after {done} of {length} bytes. These have come; send the rest.");
                }
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
        return transfers.Get(transfer);
    }

    static (long OffsetBytes, long LengthBytes) Range(HttpRequest http, long sizeBytes)
    {
        var length = http.ContentLength ?? throw Refusal.Invalid("how many bytes come? Content-Length is missing.");
        if (http.Headers.ContentRange.Count == 0)
        {
            return (0, length);
        }
        if (!ContentRangeHeaderValue.TryParse(http.Headers.ContentRange.ToString(), out var range) || range is not { HasRange: true, Unit.Value: "bytes" })
        {
            throw Refusal.Invalid($"Content-Range '{http.Headers.ContentRange}' cannot be read; 'bytes FIRST-LAST/*' is expected.");
        }
        if (range.To - range.From + 1 != length || (range.HasLength && range.Length != sizeBytes))
        {
            throw Refusal.Invalid($"Content-Range '{http.Headers.ContentRange}' contradicts {(range.HasLength && range.Length != sizeBytes ? $"the announced size of {sizeBytes} bytes" : $"the {length} bytes of the body")}.");
        }
        return (range.From!.Value, length);
    }

    static async Task<long> SendAsync(Download download, HttpContext http)
    {
        await download.Opened.WaitAsync(http.RequestAborted);
        return await SendAsync(download.SizeBytes, download.ReadAsync, http);
    }

    /// <summary>One range, or all of it. Several at once are answered with all of it, as HTTP allows.</summary>
    /// <param name="unit">What a range begins and ends at.</param>
    /// <returns>How much was sent.</returns>
    internal static async Task<long> SendAsync(long size, Func<long, Memory<byte>, Task> read, HttpContext http, int unit = 1)
    {
        var response = http.Response;
        var (from, length) = (0L, size);
        response.Headers.AcceptRanges = "bytes";
        if (http.Request.GetTypedHeaders().Range is { Unit.Value: "bytes", Ranges: { Count: 1 } ranges })
        {
            (from, length) = Inside(ranges.First(), size);
            if (from % unit != 0 || length % unit != 0)
            {
                throw Refusal.Invalid($"{length} bytes at {from} are not whole blocks of {unit} bytes.");
            }
            response.Headers.ContentRange = length > 0 ? $"bytes {from}-{from + length - 1}/{size}" : $"bytes */{size}";
            response.StatusCode = (int)(length > 0 ? HttpStatusCode.PartialContent : HttpStatusCode.RequestedRangeNotSatisfiable);
        }
        response.ContentType = "application/octet-stream";
        response.ContentLength = length;
        if (HttpMethods.IsHead(http.Request.Method) || length == 0)
        {
            return 0;
        }
        var buffer = ArrayPool<byte>.Shared.Rent(PieceBytes);
        var done = 0L;
        try
        {
            while (done < length)
            {
                var piece = buffer.AsMemory(0, (int)Math.Min(PieceBytes, length - done));
                // Not under the client's token: a read that goes on after this would write into somebody else's buffer.
                await read(from + done, piece);
                await response.Body.WriteAsync(piece, http.RequestAborted);
                done += piece.Length;
            }
        }
        catch (Refusal) when (response.HasStarted)
        {
            // The length was promised: whoever reads must not take what came for all of it.
            http.Abort();
        }
        catch (Refusal)
        {
            // The reason is not as long as the disk.
            response.Clear();
            throw;
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
        return done;
    }

    static (long OffsetBytes, long LengthBytes) Inside(RangeItemHeaderValue range, long size)
    {
        var from = range.From ?? Math.Max(0, size - (range.To ?? 0));
        var to = range.From is null ? size - 1 : Math.Min(range.To ?? size - 1, size - 1);
        return (from, from > to ? 0 : to - from + 1);
    }
}

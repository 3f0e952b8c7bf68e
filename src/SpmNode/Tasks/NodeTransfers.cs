using System.Collections.Concurrent;
using OvirtSpm.Node.Api;
using OvirtSpm.Node.Cluster;
using OvirtSpm.Node.Pool;
using OvirtSpm.Node.Pool.Images;
using OvirtSpm.Volumes.Domain;
using OvirtSpm.Volumes.Sizes;

namespace OvirtSpm.Node.Tasks;

/// <summary>Uploads, downloads and departures of a node while it is SPM. Each is a task: seen, cancelled and remembered as any other.</summary>
sealed class NodeTransfers(NodeTasks tasks, Func<PoolVerbs> leading, TimeProvider clock) : IDiskTransfers
{
    /// <summary>An upload keeps its space and a slot; somebody who comes back after longer than this begins again.</summary>
    static readonly TimeSpan IdleLimit = TimeSpan.FromMinutes(15);

    /// <summary>Programs talk to each other: one that is not heard for so long is gone, and the guests of the volume should not wait for it.</summary>
    static readonly TimeSpan SilenceLimit = TimeSpan.FromMinutes(1);

    readonly ConcurrentDictionary<string, Upload> uploads = [];
    readonly ConcurrentDictionary<string, Download> downloads = [];
    readonly ConcurrentDictionary<string, Departure> departures = [];

    public async Task<TransferReply> BeginUploadAsync(UploadRequest request)
    {
        if (request.SizeBytes is <= 0 or > DomainLimits.LargestDiskBytes || request.Volume is null)
        {
            throw Refusal.Invalid($"an upload of {request.SizeBytes} bytes is refused: announce the size of the disk, up to {SizeText.Format(DomainLimits.LargestDiskBytes)}, and the volume that it is to become.");
        }
        var (id, verbs) = (tasks.Id(request.Volume.Request), leading());
        var upload = new Upload(request.SizeBytes, IdleLimit, clock);
        return await BeginAsync(
            uploads, id, "upload", request.Volume.Volume, upload, upload.Opened,
            (progress, stop) => verbs.UploadVolumeAsync(request.Volume with { Request = id }, upload, progress, stop));
    }

    public async Task<TransferReply> BeginDownloadAsync(string reference, string? request)
    {
        var (id, verbs) = (tasks.Id(request), leading());
        var download = new Download(IdleLimit, clock);
        return await BeginAsync(downloads, id, "download", reference, download, download.Opened, (_, stop) => verbs.DownloadVolumeAsync(reference, download, stop));
    }

    public async Task<DepartureReply> BeginDepartureAsync(DepartureRequest request)
    {
        if (string.IsNullOrWhiteSpace(request.Volume) || request.Request is null)
        {
            throw Refusal.Invalid("what leaves, and under which id? 'volume' and 'request' say so.");
        }
        var (id, verbs) = (tasks.Id(request.Request), leading());
        if (tasks.Find(id) is { HasEnded: true })
        {
            // A copy of the message that comes late: opened again it would wait for somebody who has ended it.
            throw Refusal.Conflict($"the departure {id} has ended. Ask with a new id.");
        }
        if (!verbs.Has(request))
        {
            return new DepartureReply(request.From, null, 0, []);
        }
        var mine = new Departure(SilenceLimit, clock);
        await BeginAsync(departures, id, "departure", request.Volume, mine, mine.Opened, (_, stop) => verbs.LeaveVolumeAsync(request, id, mine, stop));
        // One of the same id that was joined may be at its beginning.
        var open = Departure(id);
        await Task.WhenAny(open.Opened, tasks.EndOf(id));
        return open.Chain is { } chain ? new DepartureReply(request.From, id, chain.ExtentBytes, [.. chain.Volumes.Select(DepartingChain.Describe)]) : throw Gone(id);
    }

    public Task<MeasureReply> MeasureAsync(string reference, CancellationToken stop) => leading().MeasureVolumeAsync(reference, stop);

    public TransferReply Get(string transfer)
    {
        var task = tasks.Find(transfer) ?? throw Gone(transfer);
        var (received, missing) = uploads.TryGetValue(transfer, out var upload) ? upload.Progress : (0, []);
        if (departures.TryGetValue(transfer, out var departure))
        {
            departure.Hear();
        }
        var size = upload?.SizeBytes ?? (downloads.TryGetValue(transfer, out var download) ? download.SizeBytes : departure?.SizeBytes ?? task.Result?.VirtualSizeBytes ?? 0);
        return new TransferReply(
            task.Task, task.Kind, task.Volume, task.State, size, received, [.. missing.Select(gap => new RangeReply(gap.OffsetBytes, gap.LengthBytes))]);
    }

    public Upload Upload(string transfer) => uploads.GetValueOrDefault(transfer) ?? throw Gone(transfer);

    public Download Download(string transfer) => downloads.GetValueOrDefault(transfer) ?? throw Gone(transfer);

    public Departure Departure(string transfer) => departures.GetValueOrDefault(transfer) ?? throw Gone(transfer);

    public async Task<VolumeReply> FinishAsync(string transfer)
    {
        if (uploads.TryGetValue(transfer, out var upload))
        {
            upload.Finish();
        }
        else if (downloads.TryGetValue(transfer, out var download))
        {
            download.Finish();
        }
        else if (departures.TryGetValue(transfer, out var departure))
        {
            departure.Finish();
        }
        // One that was finished before is answered with what came of it.
        return await tasks.EndOfAsync(tasks.Find(transfer) ?? throw Gone(transfer));
    }

    /// <summary>Joins the one of the same id that is under way.</summary>
    async Task<TransferReply> BeginAsync<T>(
        ConcurrentDictionary<string, T> open, string id, string kind, string volume, T mine, Task opened, Func<IProgress<double>, CancellationToken, Task<VolumeReply>> act)
        where T : class
    {
        if (open.TryAdd(id, mine))
        {
            var begun = tasks.Begin(id, kind, volume, async (progress, stop) =>
            {
                try
                {
                    return await act(progress, stop);
                }
                finally
                {
                    open.TryRemove(new(id, mine));
                }
            });
            if (begun.Kind != kind)
            {
                open.TryRemove(new(id, mine));
                throw Refusal.Conflict($"{id} is the id of a task of kind {begun.Kind} that runs now. Give each request an id of its own.");
            }
            await Task.WhenAny(opened, tasks.EndOf(id));
            if (!opened.IsCompleted)
            {
                // It ended before it began: with the reason, or because the journal knows that it was done before. One that was just
                // ending when this was asked again is joined, too: ours is then never opened, and nobody must find it.
                open.TryRemove(new(id, mine));
                await tasks.EndOfAsync(begun);
            }
        }
        return Get(id);
    }

    static Refusal Gone(string transfer) => Refusal.NotFound(
        $"there is no transfer {transfer} here: it has ended, or its SPM did. 'spm task show {transfer}' tells what is known of it.");
}

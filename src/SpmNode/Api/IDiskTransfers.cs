using OvirtSpm.Node.Pool.Images;

namespace OvirtSpm.Node.Api;

/// <summary>Disks that are sent to the SPM, or read from it, over HTTP.</summary>
/// <exception cref="Refusal">What failed, why, and what to do.</exception>
interface IDiskTransfers
{
    /// <summary>Answers when pieces are taken.</summary>
    Task<TransferReply> BeginUploadAsync(UploadRequest request);

    /// <summary>Answers when pieces can be read.</summary>
    /// <param name="request">R24: the id of this request; null for none.</param>
    Task<TransferReply> BeginDownloadAsync(string reference, string? request);

    /// <summary>Answers when it is held and can be read, or when there is no such volume.</summary>
    Task<DepartureReply> BeginDepartureAsync(DepartureRequest request);

    Task<MeasureReply> MeasureAsync(string reference, CancellationToken stop);

    TransferReply Get(string transfer);

    Upload Upload(string transfer);

    Download Download(string transfer);

    Departure Departure(string transfer);

    /// <summary>An upload: everything has come, and the volume is to be seen. A download: nothing more is read. A departure: it is whole
    /// elsewhere; answered when it is removed here.</summary>
    Task<VolumeReply> FinishAsync(string transfer);
}

using OvirtSpm.Leases;
using OvirtSpm.LvmMetadata;
using OvirtSpm.Node.Activation;

namespace OvirtSpm.Node.Storage;

/// <summary>One shared LUN, opened once. Lanes keep a queue of guest data from delaying a lease or a commit.</summary>
public interface ILun : IDisposable
{
    /// <summary>What the user called it.</summary>
    string Path { get; }

    /// <summary>Of every device of the domain that this host uses; the first is <see cref="Path"/>.</summary>
    IReadOnlyList<string> DevicePaths => [Path];

    int SectorSize { get; }

    long SizeBytes { get; }

    /// <summary>Volume-group metadata: written by the SPM alone.</summary>
    IPvArea Metadata { get; }

    /// <summary>Contents of volumes.</summary>
    IDataDevice Data { get; }

    /// <summary>The domain's other devices; contents of volumes may lie there.</summary>
    IOtherDevices Others => NoOtherDevices.Instance;

    /// <summary>Leases, records and maps: small durable writes at fixed places.</summary>
    ILeaseArea Window(long offsetBytes, long lengthBytes);

    /// <summary>R7: an exclusive lock of this machine's kernel on a range, held by the very file description that writes it.</summary>
    bool TryLock(long offsetBytes, long lengthBytes);

    /// <summary>Gives a lock back under which nothing was written.</summary>
    void Unlock(long offsetBytes, long lengthBytes);

    /// <summary>R8: completes when every metadata, lease and record write issued so far has returned from the kernel.</summary>
    Task WhenControlWritesReturnedAsync();

    /// <summary>R8: completes at the first moment without a write on its way, guest data included. Close the volumes first: guests that write
    /// without a pause leave no such moment.</summary>
    Task WhenAllWritesReturnedAsync();
}

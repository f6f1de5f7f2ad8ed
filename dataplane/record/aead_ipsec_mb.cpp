// The job queue of IPsec-MB: ChaCha20-Poly1305, which is faster there than by its direct calls (200
// ns against 325 at 256 octets), and AES-CCM, which has no others.
#include "dataplane/record/aead.h"
#include "dataplane/record/key_schedule.h"
#include "dataplane/record/record.h"
#include "dataplane/record/tag.h"

namespace sdg::record {
namespace {

// False when the library refused the job, which means that its parameters were wrong (a mistake of
// ours).
bool submit(IMB_MGR* library, const AeadJob& job, uint8_t* tag, Direction direction) {
    const bool seal = direction == Direction::seal;
    IMB_JOB* queued = IMB_GET_NEXT_JOB(library);
    queued->cipher_direction = seal ? IMB_DIR_ENCRYPT : IMB_DIR_DECRYPT;
    queued->src = job.text;
    queued->dst = job.text;
    queued->cipher_start_src_offset_in_bytes = 0;
    queued->msg_len_to_cipher_in_bytes = job.length;
    queued->hash_start_src_offset_in_bytes = 0;
    queued->msg_len_to_hash_in_bytes = job.length;
    queued->iv = job.nonce.data();
    queued->iv_len_in_bytes = kIvLength;
    queued->auth_tag_output = tag;
    queued->auth_tag_output_len_in_bytes = kTagLength;
    queued->key_len_in_bytes = job.keys->key_length;
    const uint8_t* aad = job.text - kRecordHeader;
    if (job.keys->suite == Suite::chacha20_poly1305_sha256) {
        queued->cipher_mode = IMB_CIPHER_CHACHA20_POLY1305;
        queued->hash_alg = IMB_AUTH_CHACHA20_POLY1305;
        queued->chain_order = seal ? IMB_ORDER_CIPHER_HASH : IMB_ORDER_HASH_CIPHER;
        queued->enc_keys = job.keys->aead.chacha_key.data();
        queued->dec_keys = job.keys->aead.chacha_key.data();
        queued->u.CHACHA20_POLY1305.aad = aad;
        queued->u.CHACHA20_POLY1305.aad_len_in_bytes = kRecordHeader;
        queued->u.CHACHA20_POLY1305.ctx = nullptr;
    } else {
        // CCM authenticates the plaintext: hash first when sealing, last when opening.
        queued->cipher_mode = IMB_CIPHER_CCM;
        queued->hash_alg = IMB_AUTH_AES_CCM;
        queued->chain_order = seal ? IMB_ORDER_HASH_CIPHER : IMB_ORDER_CIPHER_HASH;
        queued->enc_keys = job.keys->aead.ccm_round_keys.data();
        queued->dec_keys = job.keys->aead.ccm_round_keys.data();
        queued->u.CCM.aad = aad;
        queued->u.CCM.aad_len_in_bytes = kRecordHeader;
    }
    // Returns a job that is done, not always this one, or null.
    const IMB_JOB* done = IMB_SUBMIT_JOB_NOCHECK(library);
    return done == nullptr || done->status == IMB_STATUS_COMPLETED;
}

bool finish(IMB_MGR* library) {
    bool fine = true;
    while (const IMB_JOB* done = IMB_FLUSH_JOB(library)) {
        fine = fine && done->status == IMB_STATUS_COMPLETED;
    }
    return fine;
}

class IpsecMbAead final : public AeadBatch {
 public:
    explicit IpsecMbAead(IpsecMb library) : library_(std::move(library)) {}

    void seal(std::span<AeadJob> jobs) override { run(jobs, Direction::seal); }
    void open(std::span<AeadJob> jobs) override { run(jobs, Direction::open); }

 private:
    // When the library refuses a job, no answer of the batch is taken.
    void run(std::span<AeadJob> jobs, Direction direction) {
        const bool sealing = direction == Direction::seal;
        bool fine = true;
        for (size_t i = 0; i < jobs.size(); ++i) {
            uint8_t* tag = sealing ? jobs[i].text + jobs[i].length : tags_[i].data();
            fine = submit(library_.get(), jobs[i], tag, direction) && fine;
        }
        fine = finish(library_.get()) && fine;
        for (size_t i = 0; i < jobs.size(); ++i) {
            jobs[i].fine =
                fine && (sealing || tags_equal(tags_[i].data(), jobs[i].text + jobs[i].length));
        }
    }

    IpsecMb library_;
    std::array<std::array<uint8_t, kTagLength>, kMaxBurst> tags_{};
};

}  // namespace

Result<std::unique_ptr<AeadBatch>> make_ipsec_mb_aead(Architecture architecture) {
    auto library = make_ipsec_mb(architecture);
    if (!library) {
        return tl::unexpected{std::move(library).error()};
    }
    return std::make_unique<IpsecMbAead>(std::move(*library));
}

}  // namespace sdg::record

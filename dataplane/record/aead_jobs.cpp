#include "dataplane/record/aead_jobs.h"

namespace sdg::record {

bool submit_aead_job(IMB_MGR* library, const AeadJob& job, Direction direction) {
    const bool seal = direction == Direction::seal;
    IMB_JOB* queued = IMB_GET_NEXT_JOB(library);
    queued->cipher_direction = seal ? IMB_DIR_ENCRYPT : IMB_DIR_DECRYPT;
    queued->src = job.text;
    queued->dst = job.text;
    queued->cipher_start_src_offset_in_bytes = 0;
    queued->msg_len_to_cipher_in_bytes = job.length;
    queued->hash_start_src_offset_in_bytes = 0;
    queued->msg_len_to_hash_in_bytes = job.length;
    queued->iv = job.nonce;
    queued->iv_len_in_bytes = kIvLength;
    queued->auth_tag_output = job.tag;
    queued->auth_tag_output_len_in_bytes = kTagLength;
    queued->key_len_in_bytes = job.keys->key_length;
    if (job.keys->suite == Suite::chacha20_poly1305_sha256) {
        queued->cipher_mode = IMB_CIPHER_CHACHA20_POLY1305;
        queued->hash_alg = IMB_AUTH_CHACHA20_POLY1305;
        queued->chain_order = seal ? IMB_ORDER_CIPHER_HASH : IMB_ORDER_HASH_CIPHER;
        queued->enc_keys = job.keys->aead.chacha_key.data();
        queued->dec_keys = job.keys->aead.chacha_key.data();
        queued->u.CHACHA20_POLY1305.aad = job.aad;
        queued->u.CHACHA20_POLY1305.aad_len_in_bytes = job.aad_length;
        queued->u.CHACHA20_POLY1305.ctx = nullptr;
    } else {
        // CCM authenticates the plaintext: hash first when sealing, last when opening.
        queued->cipher_mode = IMB_CIPHER_CCM;
        queued->hash_alg = IMB_AUTH_AES_CCM;
        queued->chain_order = seal ? IMB_ORDER_HASH_CIPHER : IMB_ORDER_CIPHER_HASH;
        queued->enc_keys = job.keys->aead.ccm_round_keys.data();
        queued->dec_keys = job.keys->aead.ccm_round_keys.data();
        queued->u.CCM.aad = job.aad;
        queued->u.CCM.aad_len_in_bytes = job.aad_length;
    }
    // Returns a job that is done, not always this one, or null.
    const IMB_JOB* done = IMB_SUBMIT_JOB_NOCHECK(library);
    return done == nullptr || done->status == IMB_STATUS_COMPLETED;
}

bool finish_aead_jobs(IMB_MGR* library) {
    bool fine = true;
    while (const IMB_JOB* done = IMB_FLUSH_JOB(library)) {
        fine = fine && done->status == IMB_STATUS_COMPLETED;
    }
    return fine;
}

}  // namespace sdg::record
